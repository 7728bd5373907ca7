// What every browser test stands on: a store of its own, somebody signed in, the page's texts in the language that
// is tested, merchants' receivers, and an eye on what no page may ever do.
import { randomUUID } from 'node:crypto';
import { test as base, type Cookie, expect, type Page } from '@playwright/test';
import { en } from '../../src/i18n/en';
import { type Texts, vi } from '../../src/i18n/vi';
import { Api } from './api';
import { startReceiver } from './receiver.mjs';

export interface Options {
  language: 'vi' | 'en';
}

type Receiver = Awaited<ReturnType<typeof startReceiver>>;

interface Fixtures extends Options {
  /** The page's texts. */
  T: Texts;
  /** A store that nobody else uses. */
  store: string;
  /** The API with a platform key. */
  api: Api;
  /** Opens a page of the store, signed in as administrator. */
  open: (path: string) => Promise<void>;
}

interface WorkerFixtures {
  receiver: Receiver;
  expired: Receiver;
  /** The cookies of an administrator, signed in once: nobody may sign out with them. */
  session: Cookie[];
}

const certificates = () => process.env.BOCAU_TEST_CERTIFICATES ?? '';
export const email = process.env.BOCAU_EMAIL ?? '';
export const password = process.env.BOCAU_PASSWORD ?? '';

export const test = base.extend<Fixtures, WorkerFixtures>({
  language: ['vi', { option: true }],
  T: async ({ language }, use) => use(language === 'en' ? en : (vi as Texts)),
  api: async ({ baseURL }, use) => use(new Api(baseURL ?? '', process.env.BOCAU_API_KEY ?? '')),
  store: async ({ api }, use) => {
    const id = `e2e-${randomUUID().slice(0, 12)}`;
    await api.call('POST', '/stores', { id, name: `Cửa hàng ${id}` });
    await use(id);
    await api.call('DELETE', `/stores/${id}`);
  },
  receiver: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads what a fixture needs from its pattern
    async ({}, use) => {
      const receiver = await startReceiver(certificates());
      await use(receiver);
      await receiver.close();
    },
    { scope: 'worker' },
  ],
  expired: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads what a fixture needs from its pattern
    async ({}, use) => {
      const receiver = await startReceiver(certificates(), { certificate: 'expired' });
      await use(receiver);
      await receiver.close();
    },
    { scope: 'worker' },
  ],
  session: [
    async ({ playwright }, use) => {
      const request = await playwright.request.newContext({ baseURL: process.env.BOCAU_URL });
      const answer = await request.post('/api/v1/session', { data: { email, password } });
      expect(answer.status()).toBe(200);
      await use((await request.storageState()).cookies);
      await request.dispose();
    },
    { scope: 'worker' },
  ],
  page: async ({ page, language, baseURL }, use) => {
    await page.addInitScript((chosen) => localStorage.setItem('bocau.language', chosen), language);
    const wrongs = watch(page, baseURL ?? '');
    await use(page);
    expect(wrongs, 'what no page may do').toEqual([]);
    if (!page.isClosed())
      expect(await page.evaluate(() => 'pwned' in window), 'a text ran as code').toBe(false);
  },
  open: async ({ page, store, session }, use) => {
    await page.context().addCookies(session);
    await use(async (path) => {
      await page.goto(`/stores/${store}/${path}`);
      await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    });
  },
});

/** Requests to other origins, errors, and what the content security policy stopped. */
function watch(page: Page, origin: string): string[] {
  const wrongs: string[] = [];
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !url.startsWith(`blob:${origin}`)) wrongs.push(`request to ${url}`);
  });
  page.on('pageerror', (error) => wrongs.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (/content security policy/i.test(message.text())) wrongs.push(message.text());
  });
  return wrongs;
}

/** A text of ours with its placeholders filled in, as a pattern where some are left open. */
export function fill(text: string, values: Record<string, string | number> = {}): RegExp {
  const escaped = text.replace(/[.*+?^$()|[\]\\]/g, '\\$&');
  return new RegExp(escaped.replace(/\{\{(\w+)\}\}/g, (_, name) => String(values[name] ?? '.+?')));
}

export { expect };
