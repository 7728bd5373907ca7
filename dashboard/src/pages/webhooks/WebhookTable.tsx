// The table of webhooks.
import { useTranslation } from 'react-i18next';
import type { Webhook } from '../../api/types';
import { useMay } from '../../app/session';
import { type Column, DataTable } from '../../components/DataTable';
import { TimeText } from '../../components/TimeText';
import { EventPatterns } from './EventPatterns';
import { RateText } from './RateText';
import { RowActions } from './RowActions';
import { UrlText } from './UrlText';
import { WebhookSwitch } from './WebhookSwitch';

export function WebhookTable({ rows }: { rows: Webhook[] }) {
  const { t } = useTranslation();
  const may = useMay();
  const columns: Column<Webhook>[] = [
    {
      key: 'url',
      title: t('webhooks.columns.url'),
      cell: (row) => <UrlText webhook={row} />,
    },
    {
      key: 'events',
      title: t('webhooks.columns.events'),
      width: 160,
      cell: (row) => <EventPatterns patterns={row.events} />,
    },
    {
      key: 'status',
      title: t('webhooks.columns.status'),
      width: 126,
      cell: (row) => <WebhookSwitch webhook={row} />,
    },
    {
      key: 'rate',
      title: t('webhooks.columns.rate'),
      width: 108,
      cell: (row) => <RateText rate={row.success_rate_24h} />,
    },
    {
      key: 'updated',
      title: t('webhooks.columns.updated'),
      width: 104,
      cell: (row) => <TimeText at={row.updated_at} />,
    },
    {
      key: 'actions',
      title: t('webhooks.columns.actions'),
      width: 264,
      cell: (row) => <RowActions webhook={row} />,
    },
  ];
  return (
    <DataTable
      label={t('webhooks.title')}
      columns={may.manage ? columns : columns.slice(0, -1)}
      rows={rows}
      rowClass={(row) => (row.enabled ? '' : 'row-off')}
    />
  );
}
