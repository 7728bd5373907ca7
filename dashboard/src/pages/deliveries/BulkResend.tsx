// Gửi lại of all that match: the count first, then the job.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Alert, App, Button } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { countResends, resendsKey, startResends } from '../../api/deliveries';
import { useMay } from '../../app/session';
import { RedoOutlined } from '../../components/icons';
import { number } from '../../components/numbers';
import { Popup } from '../../components/Popup';
import { ErrorState, LoadingState, useErrorText } from '../../components/States';
import { FilterSummary } from './FilterSummary';
import { type Filters, isFiltered, toQuery } from './filters';

interface Props {
  store: string;
  filters: Filters;
  onFilter: (filters: Filters) => void;
}

export function BulkResend(props: Props) {
  const { t } = useTranslation();
  const may = useMay();
  const [isOpen, setIsOpen] = useState(false);
  if (!may.manage) return null;
  return (
    <>
      <Button icon={<RedoOutlined />} onClick={() => setIsOpen(true)}>
        {t('deliveries.bulk.button')}
      </Button>
      {isOpen && <BulkPopup {...props} onClose={() => setIsOpen(false)} />}
    </>
  );
}

function BulkPopup({ store, filters, onFilter, onClose }: Props & { onClose: () => void }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const queries = useQueryClient();
  const text = useErrorText();
  // What is counted and what is sent is one and the same, whatever comes in meanwhile.
  const [until] = useState(() => new Date().toISOString());
  const query = { ...toQuery(filters) };
  if (!query.to || Date.parse(query.to) > Date.parse(until)) query.to = until;

  const count = useQuery({
    queryKey: [...resendsKey(store), 'count', query],
    queryFn: () => countResends(store, query),
    gcTime: 0,
  });
  const start = useMutation({
    mutationFn: () => startResends(store, query),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: resendsKey(store) });
      onClose();
    },
    onError: (error) => message.error(text(error)),
  });
  const total = count.data?.total ?? 0;

  return (
    <Popup
      title={t('deliveries.bulk.title')}
      onCancel={onClose}
      onOk={() => start.mutate()}
      okText={t('deliveries.bulk.submit', { count: total, formatParams: {} }).replace(
        String(total),
        number(total),
      )}
      okButtonProps={{ disabled: total === 0 }}
      cancelText={t('shell.cancel')}
      confirmLoading={start.isPending}
    >
      <FilterSummary filters={filters} />
      {count.isPending && <LoadingState rows={1} />}
      {count.error && <ErrorState error={count.error} onRetry={() => count.refetch()} />}
      {count.data && (
        <p className="bulk-count" role="status">
          {total === 0
            ? t('deliveries.bulk.none')
            : t('deliveries.bulk.count', { count: total }).replace(String(total), number(total))}
        </p>
      )}
      {total > 0 && !filters.status && (
        <Alert
          type="warning"
          showIcon
          title={t('deliveries.bulk.includesSucceeded')}
          description={
            <Button size="small" onClick={() => onFilter({ ...filters, status: 'failed' })}>
              {t('deliveries.bulk.onlyFailed')}
            </Button>
          }
        />
      )}
      {!isFiltered(filters) && total > 0 && <p className="soft bulk-note">{t('deliveries.bulk.noFilter')}</p>}
    </Popup>
  );
}
