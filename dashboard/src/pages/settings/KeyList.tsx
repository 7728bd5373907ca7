// The keys of one place: made, listed, revoked.

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Button } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { deleteKey, type KeyPlace, keysKey, listKeys } from '../../api/access';
import type { Key } from '../../api/types';
import { PlusOutlined } from '../../components/icons';
import { ErrorState, LoadingState, useErrorText } from '../../components/States';
import { TimeText } from '../../components/TimeText';
import { KeyPopup } from './KeyPopup';

export function KeyList({ place, title, text }: { place: KeyPlace; title: string; text: string }) {
  const { t } = useTranslation();
  const [isAdding, setIsAdding] = useState(false);
  const keys = useQuery({ queryKey: keysKey(place), queryFn: ({ signal }) => listKeys(place, signal) });
  return (
    <section className="card card-body">
      <header className="section-head">
        <div>
          <h2>{title}</h2>
          <p className="soft">{text}</p>
        </div>
        <Button icon={<PlusOutlined />} onClick={() => setIsAdding(true)}>
          {t('settings.keys.add')}
        </Button>
      </header>
      {keys.isPending && <LoadingState rows={3} />}
      {keys.error && !keys.data && <ErrorState error={keys.error} onRetry={() => keys.refetch()} />}
      {keys.data?.length === 0 && <p className="soft">{t('settings.keys.empty')}</p>}
      {keys.data && keys.data.length > 0 && (
        <ul className="rows">
          {keys.data.map((key) => (
            <KeyRow key={key.id} row={key} place={place} />
          ))}
        </ul>
      )}
      {isAdding && <KeyPopup place={place} onClose={() => setIsAdding(false)} />}
    </section>
  );
}

function KeyRow({ row, place }: { row: Key; place: KeyPlace }) {
  const { t } = useTranslation();
  const { message, modal } = App.useApp();
  const queries = useQueryClient();
  const errorText = useErrorText();
  const isExpired = !!row.expires_at && Date.parse(row.expires_at) < Date.now();
  const ask = () =>
    modal.confirm({
      title: t('settings.keys.deleteQuestion', { name: row.name }),
      content: t('settings.keys.deleteText'),
      okText: t('settings.keys.delete'),
      okButtonProps: { danger: true },
      cancelText: t('shell.cancel'),
      onOk: async () => {
        await deleteKey(place, row.id).then(
          () => message.success(t('settings.keys.deleted')),
          (error) => message.error(errorText(error)),
        );
        await queries.invalidateQueries({ queryKey: keysKey(place) });
      },
    });
  return (
    <li className="row">
      <div className="row-main">
        <strong>{row.name}</strong>
        <span className="chips">
          {row.scopes.map((scope) => (
            <span className="chip" key={scope}>
              {t(`settings.keys.scope.${scope}`)}
            </span>
          ))}
          {isExpired && <span className="chip chip-bad">{t('settings.keys.expired')}</span>}
        </span>
      </div>
      <dl className="row-facts">
        <div>
          <dt>{t('settings.keys.lastUsed')}</dt>
          <dd>{row.last_used_at ? <TimeText at={row.last_used_at} /> : t('settings.keys.neverUsed')}</dd>
        </div>
        <div>
          <dt>{t('settings.keys.created')}</dt>
          <dd>
            <TimeText at={row.created_at} />
          </dd>
        </div>
        <div>
          <dt>{t('settings.keys.expires')}</dt>
          <dd>{row.expires_at ? <TimeText at={row.expires_at} /> : t('settings.keys.never')}</dd>
        </div>
      </dl>
      <Button type="text" danger onClick={ask} aria-label={t('settings.keys.deleteOf', { name: row.name })}>
        {t('settings.keys.delete')}
      </Button>
    </li>
  );
}
