// Which events a webhook takes, in labels: all, whole groups, single types.
import { Tooltip } from 'antd';
import { useTranslation } from 'react-i18next';
import { useGroupLabel, useTypeLabel } from '../../components/EventTypeText';

const SHOWN = 3;

export function EventPatterns({ patterns }: { patterns: string[] }) {
  const { t } = useTranslation();
  const type = useTypeLabel();
  const group = useGroupLabel();
  const label = (pattern: string) => {
    if (pattern === '*') return t('webhooks.allEvents');
    if (pattern.endsWith('.*'))
      return t('webhooks.wholeGroup', { group: group(pattern.slice(0, -2)).toLowerCase() });
    return type(pattern);
  };
  const shown = patterns.length <= SHOWN + 1 ? patterns : patterns.slice(0, SHOWN);
  const rest = patterns.slice(shown.length);
  return (
    <div className="chips">
      {shown.map((pattern) => (
        <span className="chip" key={pattern}>
          {label(pattern)}
        </span>
      ))}
      {rest.length > 0 && (
        <Tooltip title={rest.map(label).join(', ')}>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the other types must be reachable by keyboard */}
          <span className="chip chip-more" tabIndex={0}>
            {t('webhooks.moreEvents', { count: rest.length })}
          </span>
        </Tooltip>
      )}
    </div>
  );
}
