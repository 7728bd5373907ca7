// Thời gian gửi lại khi lỗi and Số lần gửi tự động, or the schedule that stands instead.
import { Alert, Button, Form, InputNumber } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { decimalSeparator, duration, number } from '../../components/numbers';
import { minutesOf, NEW } from './fields';

export function RetryFields({ schedule }: { schedule: number[] | null }) {
  const { t } = useTranslation();
  const form = Form.useFormInstance();
  const [isReplaced, setIsReplaced] = useState(schedule === null);
  if (schedule && !isReplaced) {
    const words = schedule.map((seconds) =>
      seconds < 60 ? duration(seconds * 1000) : `${number(minutesOf(seconds))} ${t('webhooks.form.minutes')}`,
    );
    const replace = () => {
      form.setFieldsValue({ retry_minutes: NEW.retry_minutes, max_attempts: NEW.max_attempts });
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
        rules={[
          { required: true, type: 'number', min: 0.01, max: 1440, message: t('webhooks.form.intervalRule') },
        ]}
      >
        <InputNumber
          decimalSeparator={decimalSeparator()}
          step={1}
          suffix={t('webhooks.form.minutes')}
          className="number-field"
        />
      </Form.Item>
      <Form.Item
        name="max_attempts"
        label={t('webhooks.form.attempts')}
        extra={t('webhooks.form.attemptsHelp')}
        rules={[
          { required: true, type: 'number', min: 1, max: 20, message: t('webhooks.form.attemptsRule') },
        ]}
      >
        <InputNumber precision={0} step={1} suffix={t('webhooks.form.times')} className="number-field" />
      </Form.Item>
    </div>
  );
}
