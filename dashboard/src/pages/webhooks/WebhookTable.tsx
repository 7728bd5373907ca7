// The table of webhooks.
import { Table, type TableColumnsType } from 'antd';
import { useTranslation } from 'react-i18next';
import type { Webhook } from '../../api/types';
import { useMay } from '../../app/session';
import { TimeText } from '../../components/TimeText';
import { EventPatterns } from './EventPatterns';
import { RateText } from './RateText';
import { RowActions } from './RowActions';
import { UrlText } from './UrlText';
import { WebhookSwitch } from './WebhookSwitch';

export function WebhookTable({ rows }: { rows: Webhook[] }) {
  const { t } = useTranslation();
  const may = useMay();
  const columns: TableColumnsType<Webhook> = [
    {
      key: 'url',
      title: t('webhooks.columns.url'),
      width: '25%',
      render: (_, row) => <UrlText webhook={row} />,
    },
    {
      key: 'events',
      title: t('webhooks.columns.events'),
      render: (_, row) => <EventPatterns patterns={row.events} />,
    },
    {
      key: 'status',
      title: t('webhooks.columns.status'),
      width: 132,
      render: (_, row) => <WebhookSwitch webhook={row} />,
    },
    {
      key: 'rate',
      title: t('webhooks.columns.rate'),
      width: 116,
      render: (_, row) => <RateText rate={row.success_rate_24h} />,
    },
    {
      key: 'updated',
      title: t('webhooks.columns.updated'),
      width: 112,
      render: (_, row) => <TimeText at={row.updated_at} />,
    },
    {
      key: 'actions',
      title: t('webhooks.columns.actions'),
      width: 244,
      render: (_, row) => <RowActions webhook={row} />,
    },
  ];
  return (
    <Table
      rowKey="id"
      dataSource={rows}
      columns={may.manage ? columns : columns.slice(0, -1)}
      pagination={false}
      tableLayout="fixed"
      rowClassName={(row) => (row.enabled ? '' : 'row-off')}
    />
  );
}
