// Filters: loại, trạng thái, ID đối tượng, webhook, khoảng ngày.

import { Button, Input, Select } from 'antd';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useEventTypes } from '../../api/stores';
import { type DeliveryState, deliveryStates } from '../../api/types';
import { useWebhooks } from '../../api/webhooks';
import { useStoreId } from '../../app/session';
import { byGroup, useGroupLabel, useTypeLabel } from '../../components/EventTypeText';
import { CloseOutlined, SearchOutlined } from '../../components/icons';
import { StateTag } from '../../components/StatusTag';
import { DayField } from './DayField';
import { type Filters, isFiltered } from './filters';

interface Props {
  filters: Filters;
  onChange: (filters: Filters) => void;
}

export function FilterBar({ filters, onChange }: Props) {
  const { t } = useTranslation();
  const set = (change: Filters) => onChange({ ...filters, ...change });
  return (
    <search className="filters" aria-label={t('deliveries.filters.label')}>
      <TypeFilter value={filters.type} onChange={(type) => set({ type })} />
      <Select
        allowClear
        aria-label={t('deliveries.filters.status')}
        placeholder={t('deliveries.filters.status')}
        value={filters.status}
        onChange={(status?: DeliveryState) => set({ status })}
        options={deliveryStates.map((state) => ({ value: state, label: t(`deliveries.state.${state}`) }))}
        optionRender={({ value }) => <StateTag state={value as DeliveryState} />}
        popupMatchSelectWidth={false}
      />
      <ObjectFilter value={filters.object_id ?? ''} onChange={(object_id) => set({ object_id })} />
      <WebhookFilter value={filters.webhook_id} onChange={(webhook_id) => set({ webhook_id })} />
      <DayField
        label={t('deliveries.filters.from')}
        value={filters.from}
        onChange={(from) => set({ from })}
        isOff={(day) => !!filters.to && day > filters.to}
      />
      <DayField
        label={t('deliveries.filters.to')}
        value={filters.to}
        onChange={(to) => set({ to })}
        isOff={(day) => !!filters.from && day < filters.from}
      />
      {isFiltered(filters) && (
        <Button type="text" icon={<CloseOutlined />} onClick={() => onChange({})}>
          {t('deliveries.filters.clear')}
        </Button>
      )}
    </search>
  );
}

interface OneFilter {
  value: string | undefined;
  onChange: (value: string | undefined) => void;
}

function TypeFilter({ value, onChange }: OneFilter) {
  const { t } = useTranslation();
  const types = useEventTypes();
  const label = useTypeLabel();
  const group = useGroupLabel();
  const options = byGroup(types.data ?? []).map(([name, own]) => ({
    label: group(name),
    title: name,
    options: [
      { value: `${name}.*`, label: t('deliveries.filters.wholeGroup', { group: group(name).toLowerCase() }) },
      ...own.map((type) => ({ value: type.name, label: label(type.name) })),
    ],
  }));
  return (
    <Select
      allowClear
      showSearch={{ optionFilterProp: 'label' }}
      aria-label={t('deliveries.filters.type')}
      placeholder={t('deliveries.filters.type')}
      value={value}
      onChange={onChange}
      options={options}
      loading={types.isPending}
      popupMatchSelectWidth={false}
      listHeight={360}
    />
  );
}

function WebhookFilter({ value, onChange }: OneFilter) {
  const { t } = useTranslation();
  const webhooks = useWebhooks(useStoreId());
  const options = (webhooks.data ?? []).map(({ id, url }) => ({
    value: id,
    label: url.replace(/^https:\/\//, ''),
  }));
  if (value && webhooks.data && !options.some((option) => option.value === value)) {
    options.push({ value, label: t('deliveries.filters.deletedWebhook') });
  }
  return (
    <Select
      allowClear
      showSearch={{ optionFilterProp: 'label' }}
      aria-label={t('deliveries.filters.webhook')}
      placeholder={t('deliveries.filters.webhook')}
      value={value}
      onChange={onChange}
      options={options}
      loading={webhooks.isPending}
      popupMatchSelectWidth={false}
    />
  );
}

const TYPING_MS = 400;

/** Looks when one stops typing. */
function ObjectFilter({ value, onChange }: { value: string; onChange: (value: string | undefined) => void }) {
  const { t } = useTranslation();
  const [text, setText] = useState(value);
  const [known, setKnown] = useState(value);
  if (known !== value) {
    setKnown(value);
    setText(value);
  }
  useEffect(() => {
    const wanted = text.trim();
    if (wanted === value) return;
    const timer = window.setTimeout(() => onChange(wanted || undefined), TYPING_MS);
    return () => window.clearTimeout(timer);
  }, [text, value, onChange]);
  return (
    <Input
      allowClear
      prefix={<SearchOutlined className="soft" />}
      aria-label={t('deliveries.filters.object')}
      placeholder={t('deliveries.filters.object')}
      value={text}
      maxLength={128}
      onChange={(event) => setText(event.target.value)}
      onPressEnter={() => onChange(text.trim() || undefined)}
    />
  );
}
