// The filters in words.
import { useTranslation } from 'react-i18next';
import type { DeliveryState } from '../../api/types';
import { useWebhooks } from '../../api/webhooks';
import { useStoreId } from '../../app/session';
import { useGroupLabel, useTypeLabel } from '../../components/EventTypeText';
import { type Filters, isFiltered } from './filters';

export function FilterSummary({ filters }: { filters: Filters }) {
  const { t } = useTranslation();
  const type = useTypeLabel();
  const group = useGroupLabel();
  const webhooks = useWebhooks(useStoreId());
  if (!isFiltered(filters)) return null;
  const day = (iso: string) => iso.split('-').reverse().join('/');
  const facts: [string, string | undefined][] = [
    [
      t('deliveries.filters.type'),
      filters.type?.endsWith('.*')
        ? t('deliveries.filters.wholeGroup', { group: group(filters.type.slice(0, -2)).toLowerCase() })
        : filters.type && type(filters.type),
    ],
    [
      t('deliveries.filters.status'),
      filters.status && t(`deliveries.state.${filters.status as DeliveryState}`),
    ],
    [t('deliveries.filters.object'), filters.object_id],
    [
      t('deliveries.filters.webhook'),
      filters.webhook_id &&
        (webhooks.data?.find(({ id }) => id === filters.webhook_id)?.url ??
          t('deliveries.filters.deletedWebhook')),
    ],
    [t('deliveries.filters.from'), filters.from && day(filters.from)],
    [t('deliveries.filters.to'), filters.to && day(filters.to)],
  ];
  return (
    <dl className="facts">
      {facts.map(
        ([name, value]) =>
          value && (
            <div key={name}>
              <dt>{name}</dt>
              <dd className="break">{value}</dd>
            </div>
          ),
      )}
    </dl>
  );
}
