// A number that follows the server's setting while it is empty, and says so.
import { Checkbox, InputNumber, type InputNumberProps } from 'antd';
import { type ComponentRef, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { decimalSeparator, number } from '../../components/numbers';

interface Props extends Pick<InputNumberProps<number>, 'precision' | 'step'> {
  /** Given by the form. */
  id?: string;
  value?: number | null;
  onChange?: (value: number | null) => void;
  /** The server's setting, as soon as it is known. */
  server: number | undefined;
  unit: string;
}

export function ServerNumber({ value = null, onChange, server, unit, ...rest }: Props) {
  const { t } = useTranslation();
  const input = useRef<ComponentRef<typeof InputNumber>>(null);
  const follow = (isFollowing: boolean) => {
    onChange?.(isFollowing ? null : (server ?? null));
    if (!isFollowing) input.current?.focus();
  };
  const words = server === undefined ? '' : `: ${number(server)} ${unit}`;
  return (
    <>
      <InputNumber
        {...rest}
        ref={input}
        value={value}
        onChange={(next) => onChange?.(next)}
        placeholder={server === undefined ? undefined : number(server)}
        decimalSeparator={decimalSeparator()}
        suffix={unit}
        className="number-field"
      />
      <Checkbox
        className="follow-server"
        checked={value === null}
        onChange={({ target }) => follow(target.checked)}
      >
        {t('webhooks.form.server')}
        {words}
      </Checkbox>
    </>
  );
}
