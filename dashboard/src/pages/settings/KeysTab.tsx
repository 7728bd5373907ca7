// Khóa API: the store's, and for administrators the platform's.
import { useTranslation } from 'react-i18next';
import { useMay, useStoreId } from '../../app/session';
import { KeyList } from './KeyList';

export function KeysTab() {
  const { t } = useTranslation();
  const store = useStoreId();
  const may = useMay();
  return (
    <>
      <KeyList place={store} title={t('settings.keys.store', { store })} text={t('settings.keys.text')} />
      {may.administrate && (
        <KeyList place={null} title={t('settings.keys.platform')} text={t('settings.keys.platformText')} />
      )}
    </>
  );
}
