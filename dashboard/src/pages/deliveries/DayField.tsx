// A day of the filter. It looks like the calendar's field and becomes it when it is used.
import { Input, type InputRef } from 'antd';
import { type ComponentType, useRef, useState } from 'react';
import { CalendarOutlined } from '../../components/icons';
import type { DayPickerProps, DayProps } from './DayPicker';

interface Ready {
  Picker: ComponentType<DayPickerProps>;
  /** Whoever has gone on to another field meanwhile is not taken back. */
  isFocused: boolean;
  /** Whoever has pressed on it sees the days. */
  isOpen: boolean;
}

export function DayField(props: DayProps) {
  const { label, value } = props;
  const [ready, setReady] = useState<Ready | null>(null);
  const field = useRef<InputRef>(null);
  const isPressed = useRef(false);
  // Where it does not load, the next use tries again.
  const load = () =>
    import('./DayPicker').then(
      ({ DayPicker }) => {
        const isFocused = field.current?.input === document.activeElement;
        setReady({ Picker: DayPicker, isFocused, isOpen: isFocused && isPressed.current });
      },
      () => {},
    );
  if (ready) return <ready.Picker {...props} autoFocus={ready.isFocused} isOpen={ready.isOpen} />;
  return (
    <Input
      ref={field}
      aria-label={label}
      placeholder={label}
      suffix={<CalendarOutlined className="soft" />}
      value={value?.split('-').reverse().join('/')}
      readOnly
      onPointerDown={() => {
        isPressed.current = true;
      }}
      onFocus={load}
    />
  );
}
