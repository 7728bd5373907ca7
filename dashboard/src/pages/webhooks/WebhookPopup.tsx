// Popup Thêm/sửa cấu hình webhook.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { App, Collapse, Form, Input } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Webhook } from '../../api/types';
import { changeWebhook, createWebhook, useDefaults, webhooksKey } from '../../api/webhooks';
import { useStoreId } from '../../app/session';
import { Popup } from '../../components/Popup';
import { useFormErrors } from '../../components/useFormErrors';
import { EventPicker } from './EventPicker';
import { fieldsOf, NEW, toChange, toNew, type WebhookFields } from './fields';
import { HeaderRows } from './HeaderRows';
import { RetryFields } from './RetryFields';
import { ServerNumber } from './ServerNumber';
import { UrlField } from './UrlField';

interface Props {
  webhook?: Webhook;
  /** What a new one's URL begins with. */
  url: string;
  onClose: () => void;
  onCreated: (id: string) => void;
}

/** `/events/2` is about the one field that chooses all of them. */
function rename(path: (string | number)[]): (string | number)[] {
  const [first] = path;
  if (first === 'events') return ['events'];
  if (first === 'retry_interval_seconds' || first === 'retry_schedule_seconds') return ['retry_minutes'];
  return path;
}

export function WebhookPopup({ webhook, url, onClose, onCreated }: Props) {
  const { t } = useTranslation();
  const { message, modal } = App.useApp();
  const store = useStoreId();
  const queries = useQueryClient();
  const server = useDefaults().data;
  const [form] = Form.useForm<WebhookFields>();
  const [before] = useState(() => (webhook ? fieldsOf(webhook) : { ...NEW, url }));
  const { alert, show, clear } = useFormErrors(form, rename);

  const save = useMutation({
    mutationFn: (fields: WebhookFields) =>
      webhook
        ? changeWebhook(store, webhook.id, toChange(fields, before))
        : createWebhook(store, toNew(fields)),
    onMutate: clear,
    onError: show,
    onSuccess: async (saved) => {
      await queries.invalidateQueries({ queryKey: webhooksKey(store) });
      if (webhook) {
        message.success(t('webhooks.form.updated'));
        onClose();
      } else {
        onCreated(saved.id);
      }
    },
  });

  const all = () => ({ ...before, ...form.getFieldsValue(true) }) as WebhookFields;
  const askClose = () => {
    if (JSON.stringify(all()) === JSON.stringify(before)) return onClose();
    modal.confirm({
      title: t('webhooks.form.unsaved'),
      content: t('webhooks.form.unsavedText'),
      okText: t('webhooks.form.discard'),
      cancelText: t('webhooks.form.keepEditing'),
      onOk: onClose,
    });
  };

  return (
    <Popup
      title={t('webhooks.form.title')}
      width={680}
      onCancel={askClose}
      form="webhook-form"
      okText={t('webhooks.form.submit')}
      cancelText={t('shell.cancel')}
      confirmLoading={save.isPending}
      mask={{ closable: false }}
      // The popup's own focus would be on its closing button.
      afterOpenChange={(isOpen) => isOpen && !webhook && form.focusField('url')}
    >
      {alert}
      <Form
        id="webhook-form"
        form={form}
        noValidate
        layout="vertical"
        requiredMark={false}
        initialValues={before}
        scrollToFirstError={{ block: 'center', focus: true }}
        onFinish={() => save.mutate(all())}
      >
        <UrlField />
        <Form.Item
          name="events"
          label={t('webhooks.form.events')}
          rules={[{ required: true, type: 'array', min: 1, message: t('webhooks.form.eventsRequired') }]}
        >
          <EventPicker />
        </Form.Item>
        <HeaderRows />
        <RetryFields schedule={before.schedule} />
        <Collapse
          ghost
          size="small"
          className="more-options"
          items={[
            {
              key: 'more',
              label: t('webhooks.form.more'),
              forceRender: true,
              children: (
                <>
                  <Form.Item
                    name="timeout_seconds"
                    label={t('webhooks.form.timeout')}
                    extra={t('webhooks.form.timeoutHelp')}
                    rules={[{ type: 'number', min: 1, max: 25, message: t('webhooks.form.timeoutRule') }]}
                  >
                    <ServerNumber
                      server={server?.timeout_seconds}
                      unit={t('webhooks.form.seconds')}
                      precision={0}
                    />
                  </Form.Item>
                  <Form.Item name="description" label={t('webhooks.form.description')}>
                    <Input maxLength={500} />
                  </Form.Item>
                </>
              ),
            },
          ]}
        />
      </Form>
    </Popup>
  );
}
