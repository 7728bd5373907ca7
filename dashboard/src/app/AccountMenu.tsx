// Language, light and dark, and who is signed in.

import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Button, Dropdown, type MenuProps, Tooltip } from 'antd';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { signOut } from '../api/session';
import {
  GlobalOutlined,
  LogoutOutlined,
  MoonOutlined,
  SettingOutlined,
  SunOutlined,
  UserOutlined,
} from '../components/icons';
import { switchLanguage } from '../i18n';
import { useScheme } from '../theme/scheme';
import { useRole, useSession } from './session';

export function LanguageSwitch() {
  const { t, i18n } = useTranslation();
  const other = i18n.language === 'en' ? 'vi' : 'en';
  const queries = useQueryClient();
  const change = async () => {
    await switchLanguage(other);
    // Errors that are shown were answered in the other language.
    await queries.invalidateQueries();
  };
  const label = other === 'en' ? t('shell.toEnglish') : t('shell.toVietnamese');
  return (
    <Button
      type="text"
      icon={<GlobalOutlined />}
      onClick={change}
      lang={other}
      className="language"
      aria-label={label}
    >
      <span className="language-text">{label}</span>
    </Button>
  );
}

export function SchemeSwitch() {
  const { t } = useTranslation();
  const { scheme, toggle } = useScheme();
  const label = scheme === 'dark' ? t('shell.toLight') : t('shell.toDark');
  return (
    <Tooltip title={label}>
      <Button
        type="text"
        aria-label={label}
        icon={scheme === 'dark' ? <SunOutlined /> : <MoonOutlined />}
        onClick={toggle}
      />
    </Tooltip>
  );
}

export function AccountMenu({ store }: { store?: string }) {
  const { t } = useTranslation();
  const go = useNavigate();
  const queries = useQueryClient();
  const { user, kind } = useSession();
  const role = useRole();
  const leave = useMutation({
    mutationFn: signOut,
    onSettled: () => {
      go('/sign-in', { replace: true });
      queries.clear();
    },
  });
  const items: MenuProps['items'] = [
    {
      key: 'who',
      type: 'group',
      label: (
        <span className="who">
          <strong>{user?.email ?? t('shell.portal')}</strong>
          <span>{t(`shell.role.${role}`)}</span>
        </span>
      ),
    },
    ...(store && kind === 'user'
      ? [
          {
            key: 'account',
            icon: <SettingOutlined />,
            label: t('settings.tabs.account'),
            onClick: () => go(`/stores/${encodeURIComponent(store)}/settings/account`),
          },
        ]
      : []),
    { key: 'out', icon: <LogoutOutlined />, label: t('shell.signOut'), onClick: () => leave.mutate() },
  ];
  return (
    <div className="top-account">
      <LanguageSwitch />
      <SchemeSwitch />
      <Dropdown menu={{ items }} trigger={['click']} placement="bottomRight">
        <Button type="text" icon={<UserOutlined />} aria-label={t('shell.account')} aria-haspopup="menu" />
      </Dropdown>
    </div>
  );
}
