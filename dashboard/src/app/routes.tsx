// The addresses. Each page is a file of its own that is fetched when it is opened.
import { createBrowserRouter, Navigate } from 'react-router';
import { Home, SignedIn, StoreFrame } from './frames';
import { CrashPage, NotFound } from './NotFound';

export const router = createBrowserRouter([
  {
    ErrorBoundary: CrashPage,
    HydrateFallback: () => null,
    children: [
      {
        path: '/sign-in',
        lazy: async () => ({ Component: (await import('../pages/sign-in/SignInPage')).SignInPage }),
      },
      {
        path: '/portal',
        lazy: async () => ({ Component: (await import('../pages/sign-in/PortalPage')).PortalPage }),
      },
      {
        Component: SignedIn,
        children: [
          { path: '/', Component: Home },
          {
            path: '/stores/:store',
            Component: StoreFrame,
            children: [
              { index: true, element: <Navigate to="overview" replace /> },
              {
                path: 'overview',
                lazy: async () => ({
                  Component: (await import('../pages/overview/OverviewPage')).OverviewPage,
                }),
              },
              {
                path: 'webhooks',
                lazy: async () => ({
                  Component: (await import('../pages/webhooks/WebhooksPage')).WebhooksPage,
                }),
              },
              {
                path: 'deliveries',
                lazy: async () => ({
                  Component: (await import('../pages/deliveries/DeliveriesPage')).DeliveriesPage,
                }),
              },
              {
                path: 'samples',
                lazy: async () => ({ Component: (await import('../pages/samples/SamplesPage')).SamplesPage }),
              },
              {
                path: 'inbox',
                lazy: async () => ({ Component: (await import('../pages/inbox/InboxPage')).InboxPage }),
              },
              {
                path: 'settings/:tab?',
                lazy: async () => ({
                  Component: (await import('../pages/settings/SettingsPage')).SettingsPage,
                }),
              },
              { path: '*', Component: NotFound },
            ],
          },
        ],
      },
      { path: '*', Component: NotFound },
    ],
  },
]);
