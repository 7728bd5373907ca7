// From one store to another, staying on the same page.

import { Button, Divider, Select } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useLocation, useNavigate } from 'react-router';
import { useStores } from '../api/stores';
import { PlusOutlined, ShopOutlined } from '../components/icons';
import { AddStore } from './AddStore';
import { useMay, useSession } from './session';

export function StoreSwitcher({ store }: { store?: string }) {
  const { t } = useTranslation();
  const go = useNavigate();
  const place = useLocation();
  const session = useSession();
  const may = useMay();
  const stores = useStores();
  const [isAdding, setIsAdding] = useState(false);
  if (!store) return null;

  const list = stores.data ?? [];
  const name = session.store?.name ?? list.find(({ id }) => id === store)?.name ?? store;
  const canSwitch = session.kind === 'user' && (list.length > 1 || may.administrate);
  if (!canSwitch) {
    return (
      <span className="store-name" title={t('shell.store')}>
        <ShopOutlined /> <strong>{name}</strong> <span className="store-id">{store}</span>
      </span>
    );
  }
  const page = place.pathname.split('/')[3] ?? 'overview';
  return (
    <>
      <Select
        className="store-switcher"
        aria-label={t('shell.chooseStore')}
        value={store}
        showSearch={list.length > 7 ? { optionFilterProp: 'search' } : false}
        prefix={<ShopOutlined />}
        popupMatchSelectWidth={false}
        onChange={(id) => go(`/stores/${encodeURIComponent(id)}/${page}`)}
        options={list.map(({ id, name: label }) => ({ value: id, label, search: `${label} ${id}` }))}
        optionRender={({ data }) => (
          <span className="store-option">
            <span>{data.label}</span> <span className="store-id">{data.value}</span>
          </span>
        )}
        labelRender={({ label, value }) => (
          <span>
            <strong>{label ?? name}</strong> <span className="store-id">{value}</span>
          </span>
        )}
        popupRender={(menu) => (
          <>
            {menu}
            {may.administrate && (
              <>
                <Divider style={{ margin: '4px 0' }} />
                <Button type="text" block icon={<PlusOutlined />} onClick={() => setIsAdding(true)}>
                  {t('shell.addStore')}
                </Button>
              </>
            )}
          </>
        )}
      />
      <AddStore isOpen={isAdding} onClose={() => setIsAdding(false)} />
    </>
  );
}
