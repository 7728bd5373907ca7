// Makes a key and shows it the only time.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Alert, Checkbox, Form, Input, Select } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { createKey, type KeyPlace, keysKey } from '../../api/access';
import type { KeyScope } from '../../api/types';
import { CopyButton } from '../../components/CopyButton';
import { Popup } from '../../components/Popup';
import { useFormErrors } from '../../components/useFormErrors';

const scopes: KeyScope[] = ['publish', 'read', 'manage'];
const lifetimes = { never: null, d30: 30, d90: 90, d365: 365 } as const;
type Lifetime = keyof typeof lifetimes;
const DAY_MS = 86_400_000;

interface Fields {
  name: string;
  scopes: KeyScope[];
  expires_at: Lifetime;
}

export function KeyPopup({ place, onClose }: { place: KeyPlace; onClose: () => void }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [form] = Form.useForm<Fields>();
  const [made, setMade] = useState<string | null>(null);
  const { alert, show, clear } = useFormErrors(form);
  const create = useMutation({
    mutationFn: (fields: Fields) => {
      const days = lifetimes[fields.expires_at];
      const expires_at = days === null ? undefined : new Date(Date.now() + days * DAY_MS).toISOString();
      return createKey(place, { name: fields.name.trim(), scopes: fields.scopes, expires_at });
    },
    onMutate: clear,
    onError: show,
    onSuccess: async ({ key }) => {
      setMade(key);
      await queries.invalidateQueries({ queryKey: keysKey(place) });
    },
  });

  if (made !== null) {
    return (
      <Popup
        title={t('settings.keys.onceTitle')}
        closable={false}
        keyboard={false}
        mask={{ closable: false }}
        onOk={onClose}
        okText={t('settings.keys.done')}
        cancelButtonProps={{ hidden: true }}
      >
        <Alert className="form-alert" type="warning" showIcon title={t('settings.keys.onceText')} />
        <div className="secret">
          <code className="secret-text">{made}</code>
          <CopyButton text={made} size="middle" type="primary" />
        </div>
      </Popup>
    );
  }
  return (
    <Popup
      title={t('settings.keys.addTitle')}
      onCancel={onClose}
      form="key-form"
      okText={t('settings.keys.add')}
      cancelText={t('shell.cancel')}
      confirmLoading={create.isPending}
    >
      {alert}
      <Form<Fields>
        id="key-form"
        form={form}
        noValidate
        layout="vertical"
        requiredMark={false}
        initialValues={{ scopes: ['publish'], expires_at: 'never' }}
        onFinish={(fields) => create.mutate(fields)}
      >
        <Form.Item
          name="name"
          label={t('settings.keys.name')}
          rules={[{ required: true, whitespace: true, message: t('settings.keys.nameRequired') }]}
        >
          <Input
            autoFocus
            maxLength={200}
            placeholder={t('settings.keys.namePlaceholder')}
            autoComplete="off"
          />
        </Form.Item>
        <Form.Item
          name="scopes"
          label={t('settings.keys.scopes')}
          // Not `required`: the group of boxes would be said to be so, which only a field can be.
          rules={[
            {
              validator: async (_, chosen: KeyScope[]) => {
                if (chosen.length === 0) throw new Error(t('settings.keys.scopesRequired'));
              },
            },
          ]}
        >
          <Checkbox.Group className="scope-list">
            {scopes.map((scope) => (
              <Checkbox key={scope} value={scope}>
                {t(`settings.keys.scope.${scope}`)}{' '}
                <span className="soft">· {t(`settings.keys.scopeHint.${scope}`)}</span>
              </Checkbox>
            ))}
          </Checkbox.Group>
        </Form.Item>
        <Form.Item name="expires_at" label={t('settings.keys.expires')}>
          <Select
            options={(Object.keys(lifetimes) as Lifetime[]).map((name) => ({
              value: name,
              label: t(`settings.keys.expiry.${name}`),
            }))}
          />
        </Form.Item>
      </Form>
    </Popup>
  );
}
