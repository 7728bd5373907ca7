// A popup of the pages: it is there while it is shown. The keyboard comes back to where it was when it goes, and
// Enter in a field of its form is its button.
import { Modal, type ModalProps } from 'antd';
import { useEffect, useState } from 'react';

interface Props extends Omit<ModalProps, 'open' | 'className'> {
  /** The id of the form that its button sends. */
  form?: string;
}

export function Popup({ form, okButtonProps, ...props }: Props) {
  // Fields take the focus before any effect runs, so it is asked for while this is made.
  const [before] = useState(() => document.activeElement);
  useEffect(
    () => () => {
      // Whoever has moved on already is left there, as in the popup that follows this one.
      window.requestAnimationFrame(() => {
        const isLost = document.activeElement === null || document.activeElement === document.body;
        if (isLost && before instanceof HTMLElement) before.focus({ preventScroll: true });
      });
    },
    [before],
  );
  const button: ModalProps['okButtonProps'] = form
    ? { htmlType: 'submit', form, ...okButtonProps }
    : okButtonProps;
  return <Modal open className="popup" okButtonProps={button} {...props} />;
}
