// An event type by its label, its name small beside it.
import { useTranslation } from 'react-i18next';
import { useEventTypes } from '../api/stores';
import type { EventType } from '../api/types';

export const groups = ['order', 'product', 'customer'] as const;

/** The word for a group; an operator's own group goes by its name. */
export function useGroupLabel() {
  const { t } = useTranslation();
  return (group: string) =>
    group === 'order' || group === 'product' || group === 'customer' ? t(`shell.group.${group}`) : group;
}

/** The label of a type in the page's language, or its name where the catalogue has it no more. */
export function useTypeLabel() {
  const { i18n } = useTranslation();
  const { data } = useEventTypes();
  return (name: string) => {
    const label = data?.find((type) => type.name === name)?.label;
    return (i18n.language === 'en' ? label?.en : label?.vi) ?? name;
  };
}

/** Types by group, the three of the document first. */
export function byGroup(types: EventType[]): [string, EventType[]][] {
  const order = (group: string) => {
    const place = (groups as readonly string[]).indexOf(group);
    return place < 0 ? groups.length : place;
  };
  const names = [...new Set(types.map((type) => type.group))].sort(
    (a, b) => order(a) - order(b) || a.localeCompare(b),
  );
  const weight = (name: string) =>
    ['created', 'updated', 'deleted'].findIndex((end) => name.endsWith(`.${end}`));
  return names.map((group) => {
    const own = types.filter((type) => type.group === group);
    own.sort(
      (a, b) => ((weight(a.name) + 9) % 9) - ((weight(b.name) + 9) % 9) || a.name.localeCompare(b.name),
    );
    return [group, own];
  });
}

export function EventTypeText({ name }: { name: string }) {
  const label = useTypeLabel()(name);
  return (
    <span className="type-text">
      <span className="type-label">{label}</span>
      {label !== name && <code className="type-name">{name}</code>}
    </span>
  );
}
