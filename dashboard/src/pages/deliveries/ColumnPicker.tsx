// Chooses the optional columns.

import { Button, Checkbox, Popover } from 'antd';
import { useTranslation } from 'react-i18next';
import { SettingOutlined } from '../../components/icons';
import { type OptionalColumn, optionalColumns } from './useColumns';

interface Props {
  value: OptionalColumn[];
  onChange: (columns: OptionalColumn[]) => void;
}

export function ColumnPicker({ value, onChange }: Props) {
  const { t } = useTranslation();
  return (
    <Popover
      trigger="click"
      placement="bottomRight"
      content={
        <Checkbox.Group
          className="column-picker"
          value={value}
          onChange={onChange}
          options={optionalColumns.map((name) => ({ value: name, label: t(`deliveries.columns.${name}`) }))}
        />
      }
    >
      <Button type="text" size="small" icon={<SettingOutlined />}>
        {t('deliveries.columnPicker')}
      </Button>
    </Popover>
  );
}
