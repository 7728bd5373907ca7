// A new store: its id in the platform and its name.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { App, Form, Input } from 'antd';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { createStore, storesKey } from '../api/stores';
import { Popup } from '../components/Popup';
import { useFormErrors } from '../components/useFormErrors';

interface Fields {
  id?: string;
  name: string;
}

export function AddStorePopup({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const go = useNavigate();
  const queries = useQueryClient();
  const [form] = Form.useForm<Fields>();
  const { alert, show } = useFormErrors(form);
  const create = useMutation({
    mutationFn: ({ id, name }: Fields) => createStore(id?.trim(), name.trim()),
    onError: show,
    onSuccess: async (store) => {
      await queries.invalidateQueries({ queryKey: storesKey });
      message.success(t('shell.storeCreated', { name: store.name }));
      onClose();
      go(`/stores/${encodeURIComponent(store.id)}/overview`);
    },
  });
  return (
    <Popup
      title={t('shell.addStore')}
      onCancel={onClose}
      form="store-form"
      confirmLoading={create.isPending}
      okText={t('shell.addStore')}
      cancelText={t('shell.cancel')}
    >
      {alert}
      <Form
        id="store-form"
        form={form}
        noValidate
        layout="vertical"
        requiredMark={false}
        onFinish={(fields) => create.mutate(fields)}
      >
        <Form.Item
          name="name"
          label={t('shell.storeName')}
          rules={[{ required: true, whitespace: true, message: t('shell.storeNameRule') }]}
        >
          <Input autoFocus maxLength={200} />
        </Form.Item>
        <Form.Item
          name="id"
          label={t('shell.storeId')}
          extra={t('shell.storeIdHelp')}
          rules={[{ pattern: /^[A-Za-z0-9_-]{1,64}$/, message: t('shell.storeIdRule') }]}
        >
          <Input autoComplete="off" />
        </Form.Item>
      </Form>
    </Popup>
  );
}
