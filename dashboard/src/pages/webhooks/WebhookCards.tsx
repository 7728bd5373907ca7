// The webhooks on a narrow screen: a card each.
import { useTranslation } from 'react-i18next';
import type { Webhook } from '../../api/types';
import { useMay } from '../../app/session';
import { TimeText } from '../../components/TimeText';
import { EventPatterns } from './EventPatterns';
import { RateText } from './RateText';
import { RowActions } from './RowActions';
import { UrlText } from './UrlText';
import { WebhookSwitch } from './WebhookSwitch';

export function WebhookCards({ rows }: { rows: Webhook[] }) {
  const { t } = useTranslation();
  const may = useMay();
  return (
    <ul className="cards">
      {rows.map((row) => (
        <li key={row.id} className={`item ${row.enabled ? '' : 'row-off'}`}>
          <div className="item-head">
            <UrlText webhook={row} />
          </div>
          <EventPatterns patterns={row.events} />
          <dl className="item-facts item-facts-wide">
            <div>
              <dt>{t('webhooks.columns.status')}</dt>
              <dd>
                <WebhookSwitch webhook={row} />
              </dd>
            </div>
            <div>
              <dt>{t('webhooks.columns.rate')}</dt>
              <dd>
                <RateText rate={row.success_rate_24h} />
              </dd>
            </div>
            <div>
              <dt>{t('webhooks.columns.updated')}</dt>
              <dd>
                <TimeText at={row.updated_at} />
              </dd>
            </div>
          </dl>
          {may.manage && <RowActions webhook={row} />}
        </li>
      ))}
    </ul>
  );
}
