// Thời gian gửi lại khi lỗi and Số lần gửi tự động, or the schedule that stands instead.
import { Alert, Button, Form } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useDefaults } from '../../api/webhooks';
import { duration, number } from '../../components/numbers';
import { minutesOf } from './fields';
import { ServerNumber } from './ServerNumber';

export function RetryFields({ schedule }: { schedule: number[] | null }) {
  const { t } = useTranslation();
  const form = Form.useFormInstance();
  const server = useDefaults().data;
  const [isReplaced, setIsReplaced] = useState(schedule === null);
  if (schedule && !isReplaced) {
    const words = schedule.map((seconds) =>
      seconds < 60 ? duration(seconds * 1000) : `${number(minutesOf(seconds))} ${t('webhooks.form.minutes')}`,
    );
    const replace = () => {
      form.setFieldsValue({ schedule: null });
      setIsReplaced(true);
    };
    return (
      <Alert
        className="form-alert"
        type="info"
        title={t('webhooks.form.schedule', { schedule: words.join(', ') })}
        action={
          <Button size="small" onClick={replace}>
            {t('webhooks.form.scheduleReplace')}
          </Button>
        }
      />
    );
  }
  return (
    <div className="field-pair">
      <Form.Item
        name="retry_minutes"
        label={t('webhooks.form.interval')}
        extra={t('webhooks.form.intervalHelp')}
        rules={[{ type: 'number', min: 0.01, max: 1440, message: t('webhooks.form.intervalRule') }]}
      >
        <ServerNumber
          server={server && minutesOf(server.retry_interval_seconds)}
          unit={t('webhooks.form.minutes')}
          step={1}
        />
      </Form.Item>
      <Form.Item
        name="max_attempts"
        label={t('webhooks.form.attempts')}
        extra={t('webhooks.form.attemptsHelp')}
        rules={[{ type: 'number', min: 1, max: 20, message: t('webhooks.form.attemptsRule') }]}
      >
        <ServerNumber server={server?.max_attempts} unit={t('webhooks.form.times')} precision={0} step={1} />
      </Form.Item>
    </div>
  );
}
