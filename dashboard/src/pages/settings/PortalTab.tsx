// A signed link that opens this store alone.

import { useMutation } from '@tanstack/react-query';
import { App, Button, Select } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { createPortalLink } from '../../api/stores';
import { useStoreId } from '../../app/session';
import { CopyButton } from '../../components/CopyButton';
import { LinkOutlined } from '../../components/icons';
import { useErrorText } from '../../components/States';
import { exactTime } from '../../components/time';

const minutes = [5, 15, 30, 60];

export function PortalTab() {
  const { t, i18n } = useTranslation();
  const { message } = App.useApp();
  const store = useStoreId();
  const text = useErrorText();
  const [role, setRole] = useState<'member' | 'viewer'>('member');
  const [valid, setValid] = useState(15);
  const create = useMutation({
    mutationFn: () => createPortalLink(store, valid, role),
    onError: (error) => message.error(text(error)),
  });
  const span = new Intl.NumberFormat(i18n.language, { style: 'unit', unit: 'minute', unitDisplay: 'long' });
  return (
    <section className="card card-body">
      <h2>{t('settings.tabs.portal')}</h2>
      <p className="soft lead">{t('settings.portal.text', { store })}</p>
      <div className="portal-form">
        <label htmlFor="portal-role">
          <span>{t('settings.portal.role')}</span>
          <Select
            id="portal-role"
            value={role}
            onChange={setRole}
            options={(['member', 'viewer'] as const).map((name) => ({
              value: name,
              label: t(`shell.role.${name}`),
            }))}
          />
        </label>
        <label htmlFor="portal-minutes">
          <span>{t('settings.portal.minutes')}</span>
          <Select
            id="portal-minutes"
            value={valid}
            onChange={setValid}
            options={minutes.map((count) => ({ value: count, label: span.format(count) }))}
          />
        </label>
        <Button
          type="primary"
          icon={<LinkOutlined />}
          loading={create.isPending}
          onClick={() => create.mutate()}
        >
          {t('settings.portal.create')}
        </Button>
      </div>
      {create.data && (
        <div role="status">
          <div className="secret">
            <code className="secret-text">{create.data.url}</code>
            <CopyButton text={create.data.url} size="middle" />
          </div>
          <p className="soft">{t('settings.portal.until', { time: exactTime(create.data.expires_at) })}</p>
        </div>
      )}
      <p className="soft break">{t('settings.portal.api', { store })}</p>
    </section>
  );
}
