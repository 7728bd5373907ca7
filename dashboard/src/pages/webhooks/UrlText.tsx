// A webhook's URL; a host in punycode is shown in readable letters beside it, never instead of it.
import { useTranslation } from 'react-i18next';
import type { Webhook } from '../../api/types';

export function UrlText({ webhook }: { webhook: Webhook }) {
  const { t } = useTranslation();
  return (
    <div className="url">
      <span className="url-text">{webhook.url}</span>
      {webhook.url_host_readable && (
        <span className="soft">{t('webhooks.readableHost', { host: webhook.url_host_readable })}</span>
      )}
      {webhook.description && <span className="soft">{webhook.description}</span>}
    </div>
  );
}
