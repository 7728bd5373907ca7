// What all pages stand on: theme, language, data, messages, addresses.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { App as AntApp, ConfigProvider } from 'antd';
import { useMemo } from 'react';
import { RouterProvider } from 'react-router/dom';
import { ApiError } from '../api/problem';
import { NowProvider } from '../components/TimeText';
import { SchemeProvider, useScheme } from '../theme/scheme';
import { antTheme } from '../theme/tokens';
import { useAntLocale } from './ant-locale';
import { router } from './routes';

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // What the server refused stays refused; a broken connection may come back.
      retry: (count, error) =>
        count < 2 && error instanceof ApiError && (error.status === 0 || error.status >= 500),
    },
  },
});

function Themed() {
  const { scheme } = useScheme();
  const theme = useMemo(() => antTheme(scheme), [scheme]);
  const locale = useAntLocale();
  return (
    <ConfigProvider theme={theme} locale={locale} button={{ autoInsertSpace: false }}>
      <AntApp
        className="app"
        message={{ maxCount: 3 }}
        notification={{ placement: 'bottomRight', maxCount: 3 }}
      >
        <NowProvider>
          <RouterProvider router={router} />
        </NowProvider>
      </AntApp>
    </ConfigProvider>
  );
}

export function App() {
  return (
    <QueryClientProvider client={queries}>
      <SchemeProvider>
        <Themed />
      </SchemeProvider>
    </QueryClientProvider>
  );
}
