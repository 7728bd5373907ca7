// CSV of the filter. The link is a real one; a click asks for it in the page's language and says what went wrong.

import { useMutation } from '@tanstack/react-query';
import { App, Button, Tooltip } from 'antd';
import { useTranslation } from 'react-i18next';
import { csvHref, fetchCsv } from '../../api/deliveries';
import { DownloadOutlined } from '../../components/icons';
import { useErrorText } from '../../components/States';
import { type Filters, toQuery } from './filters';

export function ExportCsv({ store, filters }: { store: string; filters: Filters }) {
  const { t, i18n } = useTranslation();
  const { message } = App.useApp();
  const text = useErrorText();
  const href = csvHref(store, toQuery(filters));
  const name = t('deliveries.csvFile', { store });
  const download = useMutation({
    mutationFn: () => fetchCsv(href, i18n.language),
    onSuccess: (blob) => {
      const url = URL.createObjectURL(blob);
      const link = document.createElement('a');
      link.href = url;
      link.download = name;
      link.click();
      window.setTimeout(() => URL.revokeObjectURL(url), 60_000);
    },
    onError: (error) => message.error(text(error)),
  });
  return (
    <Tooltip title={t('deliveries.csvHint')}>
      <Button
        href={href}
        download={name}
        icon={<DownloadOutlined />}
        loading={download.isPending}
        onClick={(event) => {
          event.preventDefault();
          if (!download.isPending) download.mutate();
        }}
      >
        {t('deliveries.csv')}
      </Button>
    </Tooltip>
  );
}
