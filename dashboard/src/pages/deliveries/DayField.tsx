// A day of the filter. It looks like the calendar's field and becomes it when it is used.
import { Input } from 'antd';
import { lazy, Suspense, useState } from 'react';
import { CalendarOutlined } from '../../components/icons';
import type { DayProps } from './DayPicker';

const Picker = lazy(async () => ({ default: (await import('./DayPicker')).DayPicker }));

export function DayField(props: DayProps) {
  const { label, value } = props;
  const [use, setUse] = useState<'none' | 'keyboard' | 'pointer'>('none');
  const field = (
    <Input
      aria-label={label}
      placeholder={label}
      suffix={<CalendarOutlined className="soft" />}
      value={value?.split('-').reverse().join('/')}
      readOnly
      onPointerDown={() => setUse('pointer')}
      onFocus={() => setUse((before) => (before === 'none' ? 'keyboard' : before))}
    />
  );
  if (use === 'none') return field;
  return (
    <Suspense fallback={field}>
      <Picker {...props} isOpen={use === 'pointer'} />
    </Suspense>
  );
}
