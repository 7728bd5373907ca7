// What holds for every popup: nothing serious for axe, light and dark, a phone's width, and the keyboard. Pictures
// are kept in `screenshots/`.
import type { Page } from '@playwright/test';
import type { Texts } from '../src/i18n/vi';
import { audit, expectNoSidewaysScrolling, settle, shoot } from './support/looks';
import { expect, fill, test } from './support/test';

type Popup = { name: string; path: string; open: (page: Page, T: Texts) => Promise<void> };

const press = (page: Page, name: string | RegExp) => page.getByRole('button', { name }).first().click();

const popups: Popup[] = [
  { name: 'webhook', path: 'webhooks', open: (page, T) => press(page, T.webhooks.add) },
  { name: 'webhook-test', path: 'webhooks', open: (page, T) => press(page, fill(`${T.webhooks.test} `)) },
  { name: 'webhook-key', path: 'webhooks', open: (page, T) => press(page, fill(`${T.webhooks.secret} `)) },
  { name: 'webhook-delete', path: 'webhooks', open: (page, T) => press(page, fill(`${T.webhooks.delete} `)) },
  { name: 'webhook-off', path: 'webhooks', open: (page) => page.getByRole('switch').first().click() },
  { name: 'history', path: 'deliveries', open: (page, T) => press(page, fill(T.deliveries.historyOf)) },
  { name: 'resend-all', path: 'deliveries', open: (page, T) => press(page, T.deliveries.bulk.button) },
  { name: 'key', path: 'settings/keys', open: (page, T) => press(page, T.settings.keys.add) },
  { name: 'member', path: 'settings/members', open: (page, T) => press(page, T.settings.members.add) },
  {
    name: 'store',
    path: 'overview',
    open: async (page, T) => {
      await page.getByRole('combobox', { name: T.shell.chooseStore }).click();
      await press(page, T.shell.addStore);
    },
  },
];

const dialog = (page: Page) => page.getByRole('dialog').filter({ visible: true });

test.describe('each popup', () => {
  test.beforeEach(async ({ api, store, receiver, page }) => {
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await api.webhook(store, `${receiver.url}/login`, { max_attempts: 1 });
    await api.publish(store, '208610');
    await api.settled(store, 1);
  });

  for (const look of ['light', 'dark', 'phone'] as const) {
    test(`passes axe: ${look}`, async ({ page, T, open, language }) => {
      test.setTimeout(150_000);
      await page.emulateMedia({ colorScheme: look === 'dark' ? 'dark' : 'light', reducedMotion: 'reduce' });
      if (look === 'phone') await page.setViewportSize({ width: 390, height: 844 });
      for (const popup of popups) {
        await open(popup.path);
        await settle(page);
        await popup.open(page, T);
        await expect(dialog(page)).toBeVisible();
        await settle(page);
        if (popup.name === 'webhook-test')
          await expect(dialog(page)).toContainText(fill(T.outcomes.login_page.title, { status: 403 }));
        await audit(page, '[role=dialog]');
        await expectNoSidewaysScrolling(page);
        await shoot(page, `${language}-${look}-popup-${popup.name}`, false);
      }
    });
  }

  test('is left by Escape, and the keyboard is back where it was', async ({ page, T, open }) => {
    test.setTimeout(120_000);
    for (const popup of popups.filter(({ name }) => name !== 'store')) {
      await open(popup.path);
      await settle(page);
      await popup.open(page, T);
      await expect(dialog(page)).toBeVisible();
      const place = () =>
        page.evaluate(() => {
          const now = document.activeElement;
          if (now?.closest('[role=dialog]')) return 'inside';
          return now === null || now === document.body ? 'nowhere' : now.outerHTML.slice(0, 80);
        });
      await expect.poll(place, popup.name).toBe('inside');
      // Round and round; after the last come the browser's own bars, but never what lies below the popup.
      for (let presses = 0; presses < 12; presses += 1) {
        await page.keyboard.press('Tab');
        expect(['inside', 'nowhere'], `${popup.name}, Tab ${presses}`).toContain(await place());
      }
      await page.keyboard.press('Escape');
      await expect(dialog(page)).toHaveCount(0);
      const isBack = () =>
        page.evaluate(() => document.activeElement?.closest('button, [role=switch]') !== null);
      await expect.poll(isBack, popup.name).toBe(true);
    }
  });
});

test('the form for a webhook is filled in and saved by the keyboard alone', async ({
  page,
  T,
  open,
  api,
  store,
  receiver,
}) => {
  await open('webhooks');
  const add = page.getByRole('button', { name: T.webhooks.add }).first();
  await add.focus();
  await page.keyboard.press('Enter');
  const popup = page.getByRole('dialog', { name: T.webhooks.form.title });
  await expect(popup.getByLabel(T.webhooks.form.url)).toBeFocused();
  await page.keyboard.type(`${receiver.url}/ok`);
  const everything = popup.getByRole('checkbox', { name: T.webhooks.form.everything });
  for (let presses = 0; presses < 12; presses += 1) {
    await page.keyboard.press('Tab');
    if (await everything.evaluate((element) => element === document.activeElement)) break;
  }
  await page.keyboard.press('Space');
  await expect(everything).toBeChecked();
  await popup.getByLabel(T.webhooks.form.attempts).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog', { name: T.webhooks.key.title })).toBeVisible();
  expect((await api.call('GET', `/stores/${store}/webhooks`)).data).toMatchObject([{ events: ['*'] }]);
});
