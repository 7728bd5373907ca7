// The frame: navigation at the side (on a phone behind a button), store, live state and account on top.

import { Button, Drawer } from 'antd';
import { type ReactNode, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, NavLink, useLocation } from 'react-router';
import {
  ApiOutlined,
  DashboardOutlined,
  ExperimentOutlined,
  FileTextOutlined,
  MenuOutlined,
  SettingOutlined,
  UnorderedListOutlined,
} from '../components/icons';
import icon from '../theme/icon.svg';
import { AccountMenu } from './AccountMenu';
import { LiveBadge } from './LiveBadge';
import { PasswordReminder } from './PasswordReminder';
import { StoreSwitcher } from './StoreSwitcher';

const pages = [
  ['overview', <DashboardOutlined key="i" />],
  ['webhooks', <ApiOutlined key="i" />],
  ['deliveries', <UnorderedListOutlined key="i" />],
  ['samples', <FileTextOutlined key="i" />],
  ['inbox', <ExperimentOutlined key="i" />],
  ['settings', <SettingOutlined key="i" />],
] as const;

function Brand() {
  return (
    <Link to="/" className="brand" aria-label="Bồ Câu">
      <img src={icon} alt="" width={30} height={30} />
      <span>Bồ Câu</span>
    </Link>
  );
}

function Nav({ store, onGo }: { store: string; onGo?: () => void }) {
  const { t } = useTranslation();
  return (
    <nav className="nav" aria-label={t('shell.menu')}>
      {pages.map(([page, pageIcon]) => (
        <NavLink
          key={page}
          to={`/stores/${encodeURIComponent(store)}/${page}`}
          className="nav-item"
          onClick={onGo}
        >
          {pageIcon}
          <span>{t(`shell.nav.${page}`)}</span>
        </NavLink>
      ))}
    </nav>
  );
}

export function Shell({ store, children }: { store?: string; children: ReactNode }) {
  const { t } = useTranslation();
  const place = useLocation();
  const [isMenuOpen, setIsMenuOpen] = useState(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another page begins at its top
  useEffect(() => {
    // It answers a promise in newer browsers, which is no clean-up.
    window.scrollTo(0, 0);
  }, [place.pathname]);

  return (
    <div className="frame">
      <a className="skip" href="#content">
        {t('shell.skip')}
      </a>
      <aside className="side">
        <Brand />
        {store && <Nav store={store} />}
      </aside>
      <div className="main">
        <header className="top">
          {store && (
            <Button
              className="top-menu"
              type="text"
              icon={<MenuOutlined />}
              aria-label={t('shell.openMenu')}
              onClick={() => setIsMenuOpen(true)}
            />
          )}
          <StoreSwitcher store={store} />
          <span className="top-space" />
          {store && <LiveBadge />}
          <AccountMenu store={store} />
        </header>
        <main className="content" id="content" tabIndex={-1}>
          <PasswordReminder store={store} />
          {children}
        </main>
      </div>
      {store && (
        <Drawer
          open={isMenuOpen}
          onClose={() => setIsMenuOpen(false)}
          placement="left"
          size={280}
          title={<Brand />}
          rootClassName="menu-drawer"
        >
          <Nav store={store} onGo={() => setIsMenuOpen(false)} />
        </Drawer>
      )}
    </div>
  );
}
