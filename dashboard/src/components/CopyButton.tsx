// Copies a text, and says that it did.

import { App, Button, type ButtonProps } from 'antd';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { CheckOutlined, CopyOutlined } from './icons';

interface Props extends Omit<ButtonProps, 'onClick' | 'icon'> {
  text: string | (() => string);
  label?: string;
}

export function CopyButton({ text, label, ...button }: Props) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = window.setTimeout(() => setDone(false), 2000);
    return () => window.clearTimeout(timer);
  }, [done]);
  const copy = async () => {
    const isCopied = await copyText(typeof text === 'function' ? text() : text);
    if (isCopied) setDone(true);
    else message.warning(t('shell.copyFailed'));
  };
  return (
    <Button size="small" {...button} icon={done ? <CheckOutlined /> : <CopyOutlined />} onClick={copy}>
      <span aria-live="polite">{done ? t('shell.copied') : (label ?? t('shell.copy'))}</span>
    </Button>
  );
}

/** Also where there is no clipboard: over plain http, in a frame without the permission. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.style.position = 'fixed';
    area.style.opacity = '0';
    (document.querySelector('[role=dialog]') ?? document.body).append(area);
    area.select();
    const isCopied = document.execCommand('copy');
    area.remove();
    return isCopied;
  }
}
