// The success rate, coloured where it wants attention.
import { useTranslation } from 'react-i18next';
import { percent } from '../../components/numbers';

export function RateText({ rate }: { rate: number | null | undefined }) {
  const { t } = useTranslation();
  if (rate === null || rate === undefined) return <span className="soft">{t('webhooks.rateNone')}</span>;
  const level = rate >= 0.99 ? 'good' : rate >= 0.9 ? 'fair' : 'poor';
  return (
    <span className={`rate rate-${level}`}>
      <strong>{percent(rate)}</strong>
      <span className="rate-bar" aria-hidden>
        <span style={{ width: `${Math.max(rate * 100, 2)}%` }} />
      </span>
    </span>
  );
}
