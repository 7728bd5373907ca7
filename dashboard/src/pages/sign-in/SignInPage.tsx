// Đăng nhập: by e-mail and password, or by the one-time link (`/sign-in#token=…`).
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Alert, Button, Form, Input } from 'antd';
import { useTranslation } from 'react-i18next';
import { useLocation, useNavigate, useSearchParams } from 'react-router';
import { ApiError } from '../../api/problem';
import { sessionKey, signIn } from '../../api/session';
import { useErrorText } from '../../components/States';
import { LinkSignIn } from './LinkSignIn';
import { SignInFrame } from './SignInFrame';
import { takeToken } from './token';

export function SignInPage() {
  const token = takeToken();
  return token === null ? <PasswordSignIn /> : <LinkSignIn token={token} kind="sign-in" />;
}

function PasswordSignIn() {
  const { t } = useTranslation();
  const go = useNavigate();
  const [search] = useSearchParams();
  const { state } = useLocation();
  const queries = useQueryClient();
  const text = useErrorText();
  const enter = useMutation({
    mutationFn: ({ email, password }: { email: string; password: string }) => signIn(email.trim(), password),
    onSuccess: (session) => {
      queries.clear();
      queries.setQueryData(sessionKey, session);
      go(innerPath(search.get('next')), { replace: true });
    },
  });
  const problem = (error: Error) => {
    if (!(error instanceof ApiError)) return text(error);
    if (error.status === 401) return t('signIn.wrong');
    if (error.status !== 429) return text(error);
    const seconds = error.retryAfterSeconds;
    return seconds ? t('signIn.tooMany', { seconds }) : t('signIn.tooManySoon');
  };
  return (
    <SignInFrame title={t('signIn.title')}>
      {state?.ended && !enter.error && (
        <Alert className="form-alert" type="info" showIcon title={t('signIn.ended')} />
      )}
      {enter.error && (
        <Alert className="form-alert" type="error" showIcon role="alert" title={problem(enter.error)} />
      )}
      <Form
        noValidate
        layout="vertical"
        requiredMark={false}
        size="large"
        onFinish={(fields) => enter.mutate(fields)}
      >
        <Form.Item
          name="email"
          label={t('signIn.email')}
          rules={[{ required: true, whitespace: true, message: t('signIn.emailRequired') }]}
        >
          <Input type="email" autoComplete="username" autoFocus inputMode="email" />
        </Form.Item>
        <Form.Item
          name="password"
          label={t('signIn.password')}
          rules={[{ required: true, message: t('signIn.passwordRequired') }]}
        >
          <Input.Password autoComplete="current-password" />
        </Form.Item>
        <Button type="primary" htmlType="submit" block loading={enter.isPending}>
          {t('signIn.submit')}
        </Button>
      </Form>
      <p className="sign-in-help">{t('signIn.help')}</p>
    </SignInFrame>
  );
}

/** Only a path of our own: an address in `next` must lead nowhere else. */
function innerPath(next: string | null): string {
  return next && /^\/(?![/\\])/.test(next) ? next : '/';
}
