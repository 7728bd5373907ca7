// The colours, once for both themes: CSS gets them as custom properties, Ant Design as its tokens.
import type { ThemeConfig } from 'antd';
import { theme } from 'antd';

export type Scheme = 'light' | 'dark';

export const colors = {
  light: {
    bg: '#f5f7f6',
    surface: '#ffffff',
    sunken: '#f0f3f1',
    border: '#dfe4e1',
    text: '#18211d',
    soft: '#55625c',
    brand: '#0f766e',
    'brand-soft': '#e0f1ee',
    succeeded: '#137333',
    failed: '#c02519',
    retrying: '#a84a06',
    pending: '#1d5fc2',
    skipped: '#5d6a64',
  },
  dark: {
    bg: '#0f1413',
    surface: '#171e1d',
    sunken: '#111817',
    border: '#2d3836',
    text: '#e6edea',
    soft: '#a3b1ac',
    brand: '#35bfae',
    'brand-soft': '#14342f',
    succeeded: '#4ade80',
    failed: '#fb8078',
    retrying: '#f6b73c',
    pending: '#6fb0ff',
    skipped: '#9aa8a3',
  },
} as const satisfies Record<Scheme, Record<string, string>>;

/** Writes the custom properties to the page. */
export function paint(scheme: Scheme) {
  const root = document.documentElement;
  root.dataset.theme = scheme;
  root.style.colorScheme = scheme;
  for (const [name, value] of Object.entries(colors[scheme])) root.style.setProperty(`--${name}`, value);
}

export function antTheme(scheme: Scheme): ThemeConfig {
  const c = colors[scheme];
  const dark = scheme === 'dark';
  return {
    algorithm: dark ? theme.darkAlgorithm : theme.defaultAlgorithm,
    token: {
      colorPrimary: c.brand,
      colorInfo: c.pending,
      colorSuccess: c.succeeded,
      colorError: c.failed,
      colorWarning: c.retrying,
      colorLink: c.brand,
      ...(dark ? {} : { colorWarningBg: '#fdf4e8', colorWarningBorder: '#efd0a8' }),
      colorTextBase: c.text,
      colorBgBase: dark ? c.bg : c.surface,
      colorBgContainer: c.surface,
      colorBgElevated: dark ? '#1c2524' : c.surface,
      colorBgLayout: c.bg,
      colorBorder: dark ? '#40504c' : '#c3ccc7',
      colorBorderSecondary: c.border,
      colorTextSecondary: c.soft,
      colorTextTertiary: c.soft,
      colorTextDescription: c.soft,
      colorTextPlaceholder: dark ? '#93a19c' : '#66726c',
      fontFamily: "'Be Vietnam Pro', system-ui, sans-serif",
      fontFamilyCode: "ui-monospace, 'SFMono-Regular', Menlo, Consolas, 'Liberation Mono', monospace",
      fontSize: 14,
      fontWeightStrong: 600,
      borderRadius: 8,
      motion: !window.matchMedia('(prefers-reduced-motion: reduce)').matches,
      motionDurationMid: '0.12s',
      motionDurationSlow: '0.16s',
    },
    components: {
      Button: dark ? { primaryColor: '#04211d', dangerColor: '#2a0806' } : {},
      Modal: { titleFontSize: 18 },
      Form: { verticalLabelPadding: '0 0 4px' },
    },
  };
}
