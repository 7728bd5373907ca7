// Nhật ký thay đổi: who, when, from what to what.
import { useInfiniteQuery } from '@tanstack/react-query';
import { Button, Segmented } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { listAudit } from '../../api/access';
import type { AuditEntry } from '../../api/types';
import { useMay, useStoreId } from '../../app/session';
import { ErrorState, LoadingState } from '../../components/States';
import { TimeText } from '../../components/TimeText';
import { exactTime } from '../../components/time';
import { changes } from './changes';

export function AuditTab() {
  const { t } = useTranslation();
  const store = useStoreId();
  const may = useMay();
  const [isAll, setIsAll] = useState(false);
  const place = isAll ? undefined : store;
  const log = useInfiniteQuery({
    queryKey: ['audit', place ?? ''],
    queryFn: ({ pageParam, signal }) => listAudit(place, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  const entries = log.data?.pages.flatMap((page) => page.data) ?? [];
  return (
    <section className="card card-body">
      <header className="section-head">
        <div>
          <h2>{t('settings.tabs.audit')}</h2>
          <p className="soft">{t('settings.audit.text')}</p>
        </div>
        {may.administrate && (
          <Segmented
            value={isAll}
            onChange={setIsAll}
            options={[
              { value: false, label: t('settings.audit.thisStore') },
              { value: true, label: t('settings.audit.allStores') },
            ]}
          />
        )}
      </header>
      {log.isPending && <LoadingState />}
      {log.error && !log.data && <ErrorState error={log.error} onRetry={() => log.refetch()} />}
      {log.data && entries.length === 0 && <p className="soft">{t('settings.audit.empty')}</p>}
      <ol className="audit">
        {entries.map((entry) => (
          <Entry key={entry.id} entry={entry} withStore={isAll} />
        ))}
      </ol>
      {log.hasNextPage && (
        <Button block loading={log.isFetchingNextPage} onClick={() => log.fetchNextPage()}>
          {t('shell.loadMore')}
        </Button>
      )}
    </section>
  );
}

function Entry({ entry, withStore }: { entry: AuditEntry; withStore: boolean }) {
  const { t } = useTranslation();
  const names = t('settings.audit.action', { returnObjects: true }) as Record<string, string>;
  const rows = changes(entry.from ?? null, entry.to ?? null);
  const { actor } = entry;
  const by = t(`settings.audit.by.${actor.kind}`);
  return (
    <li className="audit-entry">
      <div className="audit-head">
        <strong>{names[entry.action] ?? entry.action}</strong>
        <span className="soft">
          <TimeText at={entry.at} /> · {exactTime(entry.at)}
        </span>
      </div>
      <p className="audit-who">
        {by}
        {actor.name && actor.kind !== 'system' && (
          <>
            {' '}
            <b className="break">{actor.name}</b>
          </>
        )}
        {entry.subject && (
          <>
            {' · '}
            <code className="break soft">{entry.subject}</code>
          </>
        )}
        {withStore && entry.store_id && (
          <span className="soft">
            {' · '}
            {t('shell.store')} {entry.store_id}
          </span>
        )}
      </p>
      {rows.length > 0 && (
        <details className="headers">
          <summary>
            {t('settings.audit.details')} ({rows.length})
          </summary>
          <div className="scroll-x">
            <table className="plain-table audit-table">
              <thead>
                <tr>
                  <th scope="col">{t('settings.audit.field')}</th>
                  <th scope="col">{t('settings.audit.from')}</th>
                  <th scope="col">{t('settings.audit.to')}</th>
                </tr>
              </thead>
              <tbody>
                {rows.map(({ field, from, to }) => (
                  <tr key={field}>
                    <th scope="row">
                      <code>{field}</code>
                    </th>
                    <td>
                      {from === null ? (
                        <span className="soft">–</span>
                      ) : (
                        <code className="break">{from}</code>
                      )}
                    </td>
                    <td>
                      {to === null ? <span className="soft">–</span> : <code className="break">{to}</code>}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </details>
      )}
    </li>
  );
}
