// Webhook URL, judged while it is typed.

import { Form, Input } from 'antd';
import { useTranslation } from 'react-i18next';
import { CheckCircleFilled } from '../../components/icons';
import { checkUrl } from './url-check';

export function UrlField() {
  const { t } = useTranslation();
  const form = Form.useFormInstance();
  const url = Form.useWatch<string | undefined>('url', form) ?? '';
  const finding = checkUrl(url);
  const isGood = finding === null && /^https:\/\/[^/]+\.[^/.]/i.test(url);
  const say = (found: NonNullable<typeof finding>) =>
    t(`urlCheck.${found.reason}`, { character: found.character ?? '' });
  return (
    <Form.Item
      name="url"
      label={t('webhooks.form.url')}
      validateTrigger={['onChange', 'onBlur']}
      extra={
        finding ? (
          finding.isWarning && <span className="warn">{say(finding)}</span>
        ) : isGood ? (
          <span className="good">
            <CheckCircleFilled /> {t('webhooks.form.urlGood')}
          </span>
        ) : (
          t('webhooks.form.urlHelp')
        )
      }
      rules={[
        {
          validator: async (_, value: string) => {
            const found = checkUrl(value ?? '');
            if (found && !found.isWarning) throw new Error(say(found));
          },
        },
        {
          validateTrigger: 'onSubmit',
          validator: async (_, value: string) => {
            if (!value) throw new Error(t('shell.required'));
            if ('https://'.startsWith(value.toLowerCase())) throw new Error(t('urlCheck.no_host'));
          },
        },
      ]}
    >
      <Input
        type="text"
        inputMode="url"
        autoComplete="off"
        spellCheck={false}
        autoFocus
        placeholder={t('webhooks.form.urlPlaceholder')}
      />
    </Form.Item>
  );
}
