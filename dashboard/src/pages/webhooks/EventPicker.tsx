// Sự kiện: types by group, all of a group, or all there are and will be.
import { Checkbox } from 'antd';
import { useTranslation } from 'react-i18next';
import { useEventTypes } from '../../api/stores';
import { byGroup, useGroupLabel, useTypeLabel } from '../../components/EventTypeText';
import { ErrorState, LoadingState } from '../../components/States';
import { chosenOf, patternsOf } from './patterns';

interface Props {
  id?: string;
  value?: string[];
  onChange?: (patterns: string[]) => void;
}

export function EventPicker({ id, value = [], onChange }: Props) {
  const { t } = useTranslation();
  const types = useEventTypes();
  const groupLabel = useGroupLabel();
  const typeLabel = useTypeLabel();
  if (types.error) return <ErrorState error={types.error} onRetry={() => types.refetch()} />;
  if (!types.data) return <LoadingState rows={3} />;

  const isAll = value.includes('*');
  const catalogue = types.data;
  const chosen = chosenOf(value, catalogue);
  const give = (names: Set<string>, whole: Set<string>) => onChange?.(patternsOf(names, whole, catalogue));
  const wholes = new Set(
    value.filter((pattern) => pattern.endsWith('.*')).map((pattern) => pattern.slice(0, -2)),
  );

  return (
    <div className="picker" id={id} tabIndex={-1}>
      <Checkbox checked={isAll} onChange={(event) => onChange?.(event.target.checked ? ['*'] : [])}>
        <strong>{t('webhooks.form.everything')}</strong>
      </Checkbox>
      <div className="picker-groups">
        {byGroup(catalogue).map(([group, own]) => {
          const picked = own.filter(({ name }) => chosen.has(name));
          const isWhole = isAll || wholes.has(group);
          return (
            <fieldset key={group} className="picker-group">
              <legend>
                <Checkbox
                  checked={isWhole || picked.length === own.length}
                  indeterminate={!isWhole && picked.length > 0 && picked.length < own.length}
                  disabled={isAll}
                  onChange={(event) => {
                    const names = new Set(chosen);
                    const whole = new Set(wholes);
                    for (const { name } of own) event.target.checked ? names.add(name) : names.delete(name);
                    event.target.checked ? whole.add(group) : whole.delete(group);
                    give(names, whole);
                  }}
                >
                  <strong>{groupLabel(group)}</strong>
                </Checkbox>
              </legend>
              {own.map(({ name }) => (
                <Checkbox
                  key={name}
                  checked={isWhole || chosen.has(name)}
                  disabled={isAll}
                  onChange={(event) => {
                    const names = new Set(chosen);
                    const whole = new Set(wholes);
                    event.target.checked ? names.add(name) : names.delete(name);
                    if (!event.target.checked) whole.delete(group);
                    give(names, whole);
                  }}
                >
                  {typeLabel(name)}
                </Checkbox>
              ))}
            </fieldset>
          );
        })}
      </div>
    </div>
  );
}
