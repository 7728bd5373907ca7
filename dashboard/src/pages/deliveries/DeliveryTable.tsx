// The report's table, its columns in the document's order.
import { Button, Tooltip } from 'antd';
import { useCallback, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Delivery } from '../../api/types';
import { useMay } from '../../app/session';
import { type Column, DataTable } from '../../components/DataTable';
import { EventTypeText, useTypeLabel } from '../../components/EventTypeText';
import { HistoryOutlined, RedoOutlined } from '../../components/icons';
import { duration, number } from '../../components/numbers';
import { StatusTag } from '../../components/StatusTag';
import { TimeText } from '../../components/TimeText';
import type { OptionalColumn } from './useColumns';
import type { Resend } from './useResend';

interface Props {
  rows: Delivery[];
  offset: number;
  columns: OptionalColumn[];
  resend: Resend;
  onOpen: (id: string) => void;
}

export function DeliveryTable({ rows, offset, columns, resend, onOpen }: Props) {
  const { t } = useTranslation();
  const [openedAt] = useState(() => new Date().toISOString());
  const optional = useOptionalColumns();
  const all = useMemo((): Column<Delivery>[] => {
    const title = (name: 'number' | 'type' | 'object' | 'responses' | 'status' | 'created' | 'actions') =>
      t(`deliveries.columns.${name}`);
    const none = <span className="soft">{t('shell.none')}</span>;
    return [
      {
        key: 'number',
        title: title('number'),
        width: 60,
        isNumeric: true,
        isPlace: true,
        cell: (_, index) => <span className="soft tabular">{number(offset + index + 1)}</span>,
      },
      {
        key: 'type',
        title: title('type'),
        width: 190,
        cell: (row) => (
          <span className="cell-type">
            <EventTypeText name={row.event_type} />
            {row.test && <span className="chip chip-test">{t('deliveries.test')}</span>}
          </span>
        ),
      },
      {
        key: 'object',
        title: title('object'),
        width: 120,
        cell: (row) => <code className="break">{row.object_id}</code>,
      },
      {
        key: 'responses',
        title: title('responses'),
        width: 124,
        isNumeric: true,
        cell: (row) => <Responses row={row} />,
      },
      {
        key: 'status',
        title: title('status'),
        width: 150,
        cell: (row) => <StatusTag row={row} isSending={row.resend_waiting || resend.isSending(row.id)} />,
      },
      {
        key: 'created',
        title: title('created'),
        width: 124,
        cell: (row) => <TimeText at={row.created_at} />,
      },
      ...columns.map((name) => optional(name, none)),
      {
        key: 'actions',
        title: title('actions'),
        width: 206,
        cell: (row) => <DeliveryActions row={row} resend={resend} onOpen={onOpen} />,
      },
    ];
  }, [t, optional, offset, columns, resend, onOpen]);
  return (
    <DataTable
      label={t('deliveries.title')}
      columns={all}
      rows={rows}
      rowClass={(row) => (row.created_at > openedAt ? 'row-new' : '')}
    />
  );
}

function useOptionalColumns() {
  const { t } = useTranslation();
  return useCallback(
    (name: OptionalColumn, none: React.ReactNode): Column<Delivery> => {
      const column = { key: name, title: t(`deliveries.columns.${name}`) };
      switch (name) {
        case 'webhook':
          return {
            ...column,
            width: 220,
            cell: ({ url }) =>
              url ? (
                <Tooltip title={url}>
                  <span className="cut">{url.replace(/^https:\/\//, '')}</span>
                </Tooltip>
              ) : (
                none
              ),
          };
        case 'code':
          return { ...column, width: 110, isNumeric: true, cell: (row) => row.last_status_code ?? none };
        case 'duration':
          return {
            ...column,
            width: 110,
            isNumeric: true,
            cell: ({ last_duration_ms: ms }) =>
              ms === null ? none : <span className="tabular">{duration(ms)}</span>,
          };
        case 'next':
          return {
            ...column,
            width: 150,
            cell: ({ next_attempt_at: at, status }) =>
              at && status === 'retrying' ? <TimeText at={at} /> : none,
          };
      }
    },
    [t],
  );
}

/** Answers received, with the attempts sent behind. */
export function Responses({ row }: { row: Delivery }) {
  const { t } = useTranslation();
  const counts = { responses: number(row.responses), attempts: number(row.attempts) };
  return (
    <Tooltip title={t('deliveries.attemptsHint', counts)}>
      <span className="tabular">{counts.responses}</span>
    </Tooltip>
  );
}

export function DeliveryActions({
  row,
  resend,
  onOpen,
}: {
  row: Delivery;
  resend: Resend;
  onOpen: (id: string) => void;
}) {
  const { t } = useTranslation();
  const may = useMay();
  const type = useTypeLabel()(row.event_type);
  return (
    <div className="delivery-actions">
      <Button
        size="small"
        icon={<HistoryOutlined />}
        aria-label={t('deliveries.historyOf', { type, object: row.object_id })}
        onClick={() => onOpen(row.id)}
      >
        {t('deliveries.history')}
      </Button>
      {may.manage && row.webhook_id !== null && (
        <Button
          size="small"
          icon={<RedoOutlined />}
          aria-label={t('deliveries.resendOf', { type, object: row.object_id })}
          loading={resend.isSending(row.id)}
          onClick={() => resend.send(row)}
        >
          {t('deliveries.resend')}
        </Button>
      )}
    </div>
  );
}
