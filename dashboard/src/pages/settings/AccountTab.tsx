// One's own account: e-mail and password.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { App, Button, Form, Input } from 'antd';
import { useTranslation } from 'react-i18next';
import { changeEmail, changePassword, sessionKey } from '../../api/session';
import { useSession } from '../../app/session';
import { useFormErrors } from '../../components/useFormErrors';

export function AccountTab() {
  return (
    <div className="account">
      <EmailForm />
      <PasswordForm />
    </div>
  );
}

function EmailForm() {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const { user } = useSession();
  const queries = useQueryClient();
  const [form] = Form.useForm<{ email: string }>();
  const { alert, show, clear } = useFormErrors(form);
  const save = useMutation({
    mutationFn: ({ email }: { email: string }) => changeEmail(email.trim()),
    onMutate: clear,
    onError: show,
    onSuccess: (session) => {
      queries.setQueryData(sessionKey, session);
      message.success(t('settings.account.emailChanged'));
    },
  });
  return (
    <section className="card card-body">
      <h2>{t('settings.account.email')}</h2>
      {alert}
      <Form
        noValidate
        form={form}
        layout="vertical"
        requiredMark={false}
        initialValues={{ email: user?.email }}
        onFinish={(fields) => save.mutate(fields)}
      >
        <Form.Item
          name="email"
          label={t('settings.account.email')}
          rules={[{ required: true, type: 'email', message: t('settings.members.emailRule') }]}
        >
          <Input type="email" autoComplete="username" />
        </Form.Item>
        <Button htmlType="submit" loading={save.isPending}>
          {t('settings.account.changeEmail')}
        </Button>
      </Form>
    </section>
  );
}

interface PasswordFields {
  current_password?: string;
  new_password: string;
  repeat?: string;
}

function PasswordForm() {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const { user } = useSession();
  const queries = useQueryClient();
  const [form] = Form.useForm<PasswordFields>();
  const { alert, show, clear } = useFormErrors(form);
  const hasPassword = user?.has_password ?? true;
  const save = useMutation({
    mutationFn: (fields: PasswordFields) => changePassword(fields.current_password, fields.new_password),
    onMutate: clear,
    onError: show,
    onSuccess: async () => {
      form.resetFields();
      message.success(t('settings.account.passwordChanged'));
      await queries.invalidateQueries({ queryKey: sessionKey });
    },
  });
  return (
    <section className="card card-body">
      <h2>{t('settings.account.password')}</h2>
      {alert}
      <Form form={form} layout="vertical" requiredMark={false} onFinish={(fields) => save.mutate(fields)}>
        {hasPassword && (
          <Form.Item
            name="current_password"
            label={t('settings.account.current')}
            rules={[{ required: true, message: t('shell.required') }]}
          >
            <Input.Password autoComplete="current-password" />
          </Form.Item>
        )}
        <Form.Item
          name="new_password"
          label={t('settings.account.next')}
          rules={[{ required: true, min: 12, max: 200, message: t('settings.members.passwordRule') }]}
        >
          <Input.Password autoComplete="new-password" />
        </Form.Item>
        <Form.Item
          name="repeat"
          label={t('settings.account.repeat')}
          dependencies={['new_password']}
          rules={[
            ({ getFieldValue }) => ({
              validator: async (_, value) => {
                if ((value ?? '') !== (getFieldValue('new_password') ?? '')) {
                  throw new Error(t('settings.account.mismatch'));
                }
              },
            }),
          ]}
        >
          <Input.Password autoComplete="new-password" />
        </Form.Item>
        <Button htmlType="submit" loading={save.isPending}>
          {hasPassword ? t('settings.account.changePassword') : t('settings.account.setPassword')}
        </Button>
      </Form>
    </section>
  );
}
