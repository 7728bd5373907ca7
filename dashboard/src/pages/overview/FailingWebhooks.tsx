// Webhooks that fail now: what is wrong and the way to fix it.

import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { FailingWebhook } from '../../api/types';
import { useMay } from '../../app/session';
import { CheckCircleFilled, WarningFilled } from '../../components/icons';
import { number } from '../../components/numbers';
import { TimeText } from '../../components/TimeText';
import { useOutcomeText } from '../../outcomes/useOutcomeText';

export function FailingWebhooks({ failing }: { failing: FailingWebhook[] }) {
  const { t } = useTranslation();
  return (
    <section className="card card-body">
      <h2>{t('overview.failing')}</h2>
      {failing.length === 0 ? (
        <p className="all-well">
          <CheckCircleFilled /> {t('overview.failingNone')}
        </p>
      ) : (
        <ul className="failing">
          {failing.map((webhook) => (
            <Failing key={webhook.webhook_id} webhook={webhook} />
          ))}
        </ul>
      )}
    </section>
  );
}

function Failing({ webhook }: { webhook: FailingWebhook }) {
  const { t } = useTranslation();
  const may = useMay();
  const text = useOutcomeText().failing(webhook);
  const { webhook_id: id, failures } = webhook;
  const off =
    webhook.disabled_reason === 'webhook_gone' ? t('overview.disabledGone') : t('overview.disabled');
  return (
    <li className="failing-item">
      <WarningFilled className="failing-icon" />
      <div className="failing-text">
        <code className="break">{webhook.url}</code>
        <strong>{text.title}</strong>
        {!webhook.enabled && <p>{off}</p>}
        {text.advice && (
          <p>
            <span className="soft">{t('overview.toFix')}:</span> {text.advice}
          </p>
        )}
        <p className="soft">
          {t('overview.failures', { count: failures }).replace(String(failures), number(failures))}
          {webhook.last_failed_at && (
            <>
              {' · '}
              {t('overview.lastFailed')} <TimeText at={webhook.last_failed_at} />
            </>
          )}
        </p>
      </div>
      <div className="failing-actions">
        <Link className="button-link" to={`../deliveries?webhook_id=${id}&status=failed`}>
          {t('overview.seeFailures')}
        </Link>
        {may.manage && (
          <>
            <Link className="button-link" to={`../webhooks?test=${id}`}>
              {t('overview.test')}
            </Link>
            <Link className="button-link" to={`../webhooks?edit=${id}`}>
              {t('overview.edit')}
            </Link>
          </>
        )}
      </div>
    </li>
  );
}
