// Thành viên và quyền.

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Button } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { deleteMember, listMembers, membersKey } from '../../api/access';
import { useStores } from '../../api/stores';
import type { Member } from '../../api/types';
import { useMay, useSession } from '../../app/session';
import { PlusOutlined } from '../../components/icons';
import { ErrorState, LoadingState, useErrorText } from '../../components/States';
import { TimeText } from '../../components/TimeText';
import { MemberPopup } from './MemberPopup';

export function MembersTab() {
  const { t } = useTranslation();
  const may = useMay();
  const [editing, setEditing] = useState<Member | 'new' | null>(null);
  const members = useQuery({
    queryKey: membersKey,
    queryFn: ({ signal }) => listMembers(signal),
    enabled: may.administrate,
  });
  return (
    <section className="card card-body">
      <header className="section-head">
        <div>
          <h2>{t('settings.tabs.members')}</h2>
          <p className="soft">
            {may.administrate ? t('settings.members.text') : t('settings.members.adminOnly')}
          </p>
        </div>
        {may.administrate && (
          <Button type="primary" icon={<PlusOutlined />} onClick={() => setEditing('new')}>
            {t('settings.members.add')}
          </Button>
        )}
      </header>
      {may.administrate && members.isPending && <LoadingState rows={3} />}
      {members.error && !members.data && (
        <ErrorState error={members.error} onRetry={() => members.refetch()} />
      )}
      {members.data && (
        <ul className="rows">
          {members.data.map((member) => (
            <MemberRow key={member.id} member={member} onEdit={() => setEditing(member)} />
          ))}
        </ul>
      )}
      {editing && (
        <MemberPopup member={editing === 'new' ? undefined : editing} onClose={() => setEditing(null)} />
      )}
    </section>
  );
}

function MemberRow({ member, onEdit }: { member: Member; onEdit: () => void }) {
  const { t } = useTranslation();
  const { message, modal } = App.useApp();
  const { user } = useSession();
  const queries = useQueryClient();
  const stores = useStores();
  const errorText = useErrorText();
  const { email } = member;
  const isMe = user?.id === member.id;
  const names = member.stores
    .map((id) => stores.data?.find((store) => store.id === id)?.name ?? id)
    .join(', ');
  const ask = () =>
    modal.confirm({
      title: t('settings.members.deleteQuestion', { email }),
      content: t('settings.members.deleteText'),
      okText: t('settings.members.delete'),
      okButtonProps: { danger: true },
      cancelText: t('shell.cancel'),
      onOk: async () => {
        await deleteMember(member.id).then(
          () => message.success(t('settings.members.deleted', { email })),
          (error) => message.error(errorText(error)),
        );
        await queries.invalidateQueries({ queryKey: membersKey });
      },
    });
  return (
    <li className="row">
      <div className="row-main">
        <strong className="break">
          {email} {isMe && <span className="soft">({t('settings.members.you')})</span>}
        </strong>
        <span className="chips">
          <span className={`chip chip-${member.role}`}>{t(`shell.role.${member.role}`)}</span>
        </span>
      </div>
      <dl className="row-facts">
        <div>
          <dt>{t('settings.members.stores')}</dt>
          <dd>{member.role === 'admin' ? t('settings.members.allStores') : names || t('shell.none')}</dd>
        </div>
        <div>
          <dt>{t('settings.members.lastSignIn')}</dt>
          <dd>
            {member.last_sign_in_at ? (
              <TimeText at={member.last_sign_in_at} />
            ) : (
              t('settings.members.neverSignedIn')
            )}
          </dd>
        </div>
      </dl>
      <div className="row-buttons">
        <Button type="text" onClick={onEdit} aria-label={t('settings.members.editOf', { email })}>
          {t('settings.members.edit')}
        </Button>
        <Button
          type="text"
          danger
          disabled={isMe}
          onClick={ask}
          aria-label={t('settings.members.deleteOf', { email })}
        >
          {t('settings.members.delete')}
        </Button>
      </div>
    </li>
  );
}
