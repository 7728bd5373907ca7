// Adds a member or changes role, stores and password.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { App, Form, Input, Radio, Select } from 'antd';
import { useTranslation } from 'react-i18next';
import { changeMember, createMember, membersKey, type NewMember } from '../../api/access';
import { useStores } from '../../api/stores';
import type { Member, Role } from '../../api/types';
import { useStoreId } from '../../app/session';
import { Popup } from '../../components/Popup';
import { useFormErrors } from '../../components/useFormErrors';

const roles: Role[] = ['admin', 'member', 'viewer'];
const PASSWORD_MIN = 12;
const PASSWORD_MAX = 200;

export function MemberPopup({ member, onClose }: { member?: Member; onClose: () => void }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const store = useStoreId();
  const stores = useStores();
  const queries = useQueryClient();
  const [form] = Form.useForm<NewMember>();
  const role = Form.useWatch('role', form);
  const { alert, show, clear } = useFormErrors(form);
  const save = useMutation({
    mutationFn: async (fields: NewMember) => {
      const storesOf = fields.role === 'admin' ? [] : fields.stores;
      if (!member) return createMember({ ...fields, email: fields.email.trim(), stores: storesOf });
      const password = fields.password ? { password: fields.password } : {};
      return changeMember(member.id, { role: fields.role, stores: storesOf, ...password });
    },
    onMutate: clear,
    onError: show,
    onSuccess: async ({ email }) => {
      await queries.invalidateQueries({ queryKey: membersKey });
      message.success(
        member ? t('settings.members.updated', { email }) : t('settings.members.created', { email }),
      );
      onClose();
    },
  });
  return (
    <Popup
      title={member ? t('settings.members.editTitle') : t('settings.members.add')}
      onCancel={onClose}
      form="member-form"
      okText={member ? t('shell.save') : t('settings.members.add')}
      cancelText={t('shell.cancel')}
      confirmLoading={save.isPending}
    >
      {alert}
      <Form
        id="member-form"
        form={form}
        noValidate
        layout="vertical"
        requiredMark={false}
        initialValues={member ?? { role: 'member', stores: [store] }}
        onFinish={(fields) => save.mutate(fields)}
      >
        <Form.Item
          name="email"
          label={t('settings.members.email')}
          rules={[{ required: true, type: 'email', message: t('settings.members.emailRule') }]}
        >
          <Input type="email" disabled={!!member} autoComplete="off" autoFocus={!member} />
        </Form.Item>
        <Form.Item name="role" label={t('settings.members.role')}>
          <Radio.Group className="role-list">
            {roles.map((name) => (
              <Radio key={name} value={name}>
                {t(`shell.role.${name}`)}{' '}
                <span className="soft">· {t(`settings.members.roleHint.${name}`)}</span>
              </Radio>
            ))}
          </Radio.Group>
        </Form.Item>
        {role !== 'admin' && (
          <Form.Item
            name="stores"
            label={t('settings.members.stores')}
            rules={[{ required: true, type: 'array', min: 1, message: t('settings.members.storesRequired') }]}
          >
            <Select
              mode="multiple"
              showSearch={{ optionFilterProp: 'label' }}
              options={(stores.data ?? []).map(({ id, name }) => ({ value: id, label: `${name} (${id})` }))}
            />
          </Form.Item>
        )}
        <Form.Item
          name="password"
          label={member ? t('settings.members.newPassword') : t('settings.members.password')}
          extra={member && t('settings.members.newPasswordHelp')}
          rules={[
            {
              required: !member,
              min: PASSWORD_MIN,
              max: PASSWORD_MAX,
              message: t('settings.members.passwordRule'),
            },
          ]}
        >
          <Input.Password autoComplete="new-password" />
        </Form.Item>
      </Form>
    </Popup>
  );
}
