// Whether the page hears of new things at once.
import { Tooltip } from 'antd';
import { useTranslation } from 'react-i18next';
import { useLiveState } from '../api/live';

export function LiveBadge() {
  const { t } = useTranslation();
  const state = useLiveState();
  return (
    <Tooltip title={state === 'live' ? t('shell.live.liveHint') : t('shell.live.offlineHint')}>
      <span className={`live live-${state}`} role="status">
        <span className="live-dot" aria-hidden />
        <span className="live-text">{t(`shell.live.${state}`)}</span>
      </span>
    </Tooltip>
  );
}
