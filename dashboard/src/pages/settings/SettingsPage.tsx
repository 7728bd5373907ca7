// Cài đặt: khóa API, thành viên và quyền, nhật ký thay đổi; besides them access links and one's own account.
import { lazy, type ReactNode, Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { NavLink, useParams } from 'react-router';
import { useMay, useSession, useStoreId } from '../../app/session';
import { PageHead } from '../../components/PageHead';
import { LoadingState } from '../../components/States';
import './settings.css';

const KeysTab = lazy(async () => ({ default: (await import('./KeysTab')).KeysTab }));
const MembersTab = lazy(async () => ({ default: (await import('./MembersTab')).MembersTab }));
const AuditTab = lazy(async () => ({ default: (await import('./AuditTab')).AuditTab }));
const PortalTab = lazy(async () => ({ default: (await import('./PortalTab')).PortalTab }));
const AccountTab = lazy(async () => ({ default: (await import('./AccountTab')).AccountTab }));

type TabName = 'keys' | 'members' | 'audit' | 'portal' | 'account';

/** On a phone not all names fit beside each other. */
function intoView(link: HTMLAnchorElement | null) {
  link?.parentElement?.scrollTo({ left: link.offsetLeft - 60 });
}

export function SettingsPage() {
  const { t } = useTranslation();
  const store = useStoreId();
  const { tab } = useParams();
  const may = useMay();
  const { kind } = useSession();
  const isUser = kind === 'user';
  const all: [TabName, boolean, ReactNode][] = [
    ['keys', may.manage, <KeysTab key="keys" />],
    ['members', isUser, <MembersTab key="members" />],
    ['audit', isUser, <AuditTab key="audit" />],
    ['portal', may.administrate, <PortalTab key="portal" />],
    ['account', isUser, <AccountTab key="account" />],
  ];
  const tabs = all.filter(([, isShown]) => isShown);
  const active = tabs.find(([name]) => name === tab) ?? tabs[0];
  return (
    <>
      <PageHead title={t('settings.title')} />
      <nav className="settings-nav" aria-label={t('settings.title')}>
        {tabs.map(([name]) => (
          <NavLink
            key={name}
            to={`/stores/${encodeURIComponent(store)}/settings/${name}`}
            className={name === active?.[0] ? 'settings-link active' : 'settings-link'}
            preventScrollReset
            ref={name === active?.[0] ? intoView : null}
          >
            {t(`settings.tabs.${name}`)}
          </NavLink>
        ))}
      </nav>
      <Suspense fallback={<LoadingState />}>
        {active?.[2] ?? <p className="soft">{t('shell.viewerNote')}</p>}
      </Suspense>
    </>
  );
}
