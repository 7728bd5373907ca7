// The state of a delivery: a coloured tag, with the reason and the next time on hover and focus.

import { Tooltip } from 'antd';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Delivery, DeliveryState } from '../api/types';
import { useDeliveryText } from '../outcomes/useOutcomeText';
import {
  CheckCircleFilled,
  ClockCircleFilled,
  CloseCircleFilled,
  MinusCircleFilled,
  SendOutlined,
  SyncOutlined,
} from './icons';

const icons: Record<DeliveryState | 'sending', ReactNode> = {
  succeeded: <CheckCircleFilled />,
  failed: <CloseCircleFilled />,
  retrying: <SyncOutlined />,
  pending: <ClockCircleFilled />,
  skipped: <MinusCircleFilled />,
  sending: <SendOutlined />,
};

export function StateTag({ state }: { state: DeliveryState | 'sending' }) {
  const { t } = useTranslation();
  return (
    <span className={`tag tag-${state}`}>
      {icons[state]}
      {t(`deliveries.state.${state}`)}
    </span>
  );
}

export function StatusTag({ row, isSending = false }: { row: Delivery; isSending?: boolean }) {
  const text = useDeliveryText()(row);
  const tag = <StateTag state={isSending ? 'sending' : (row.status as DeliveryState)} />;
  if (!text) return tag;
  const tip = (
    <>
      <strong>{text.title}</strong>
      {text.advice && <div>{text.advice}</div>}
      {text.next && <div>{text.next}</div>}
    </>
  );
  return (
    <Tooltip title={tip}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the reason must be reachable by keyboard */}
      <span className="tag-focus" tabIndex={0}>
        {tag}
      </span>
    </Tooltip>
  );
}
