// The headers of a request and what they are for.
import { useTranslation } from 'react-i18next';
import { useStoreId } from '../../app/session';

export function HeaderMeanings({ type }: { type: string }) {
  const { t } = useTranslation();
  const store = useStoreId();
  const rows = [
    ['webhook-id', 'evt_01k9…', t('samples.headers.id')],
    ['webhook-timestamp', '1795491151', t('samples.headers.timestamp')],
    ['webhook-signature', 'v1,CV6dy6E8AdT2…', t('samples.headers.signature')],
    ['bocau-event', type, t('samples.headers.event')],
    ['bocau-object-id', '208610', t('samples.headers.object')],
    ['bocau-store', store, t('samples.headers.store')],
    ['bocau-attempt', '1', t('samples.headers.attempt')],
  ] as const;
  return (
    <>
      <p className="soft">{t('samples.requestText')}</p>
      <dl className="meanings">
        {rows.map(([name, example, meaning]) => (
          <div key={name}>
            <dt>
              <code>
                {name}: <span className="soft">{example}</span>
              </code>
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}
