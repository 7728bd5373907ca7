// The calendar itself, in a file of its own because it is heavy.
import { DatePicker } from 'antd';
import dayjs from 'dayjs';
import 'dayjs/locale/vi';
import { useTranslation } from 'react-i18next';

export interface DayProps {
  label: string;
  /** `2026-11-24` */
  value: string | undefined;
  onChange: (value: string | undefined) => void;
  isOff: (day: string) => boolean;
}

export interface DayPickerProps extends DayProps {
  autoFocus: boolean;
  isOpen: boolean;
}

const WIRE = 'YYYY-MM-DD';

export function DayPicker({ label, value, onChange, isOff, autoFocus, isOpen }: DayPickerProps) {
  const { i18n } = useTranslation();
  dayjs.locale(i18n.language === 'en' ? 'en' : 'vi');
  return (
    <DatePicker
      autoFocus={autoFocus}
      defaultOpen={isOpen}
      aria-label={label}
      placeholder={label}
      format="DD/MM/YYYY"
      value={value ? dayjs(value, WIRE) : null}
      onChange={(day) => onChange(day ? day.format(WIRE) : undefined)}
      disabledDate={(day) => isOff(day.format(WIRE))}
    />
  );
}
