// What holds for every page: nothing serious for axe, light and dark, a phone's width, the keyboard, the policy, the
// weight. Screenshots are kept in `screenshots/`.
import { audit, expectNoSidewaysScrolling, settle, shoot } from './support/looks';
import { expect, fill, test } from './support/test';

const pages = [
  'overview',
  'webhooks',
  'webhooks?add',
  'deliveries',
  'samples',
  'inbox',
  'settings/keys',
  'settings/members',
  'settings/audit',
  'settings/portal',
  'settings/account',
];

// Opening, looking at and shooting one page takes six seconds on a slow machine, and twice that on a busy one.
const allPages = (pages.length + 1) * 20_000;

test.describe('each page', () => {
  test.beforeEach(async ({ api, store, receiver, expired, page }) => {
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await api.webhook(store, `${receiver.url}/ok`, { headers: [{ key: 'x-nguon', value: 'abaha' }] });
    await api.webhook(store, `${expired.url}/ok`, {
      events: ['order.*'],
      max_attempts: 1,
      description: 'Phần mềm kho',
    });
    await api.webhook(store, `${receiver.url}/500`, { events: ['customer.*'] });
    for (const [n, type] of [
      'order.created',
      'product.updated',
      'customer.created',
      'order.paid',
    ].entries()) {
      await api.publish(store, String(208610 + n), type);
    }
    const inbox = await api.call('POST', `/stores/${store}/inboxes`, {});
    await api.webhook(store, inbox.url, { events: ['product.deleted'] });
    await api.publish(store, '208614', 'product.deleted', { id: '208614', name: 'Kẻ chân mày' });
    await api.call('POST', `/stores/${store}/keys`, { name: 'Website bán hàng', scopes: ['publish'] });
    await api.settled(store, 9);
  });

  for (const scheme of ['light', 'dark'] as const) {
    test(`passes axe in ${scheme}`, async ({ page, open, api, store, language }) => {
      test.setTimeout(allPages);
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
      const [row] = await api.rows(store);
      for (const path of [...pages, `deliveries?open=${row?.id}`]) {
        await open(path);
        await settle(page);
        await audit(page);
        await shoot(page, `${language}-${scheme}-${path.replace(/=dlv_.*/, '')}`);
      }
    });
  }

  test('fits a phone of 390 px', async ({ page, open, api, store, language }) => {
    test.setTimeout(allPages);
    await page.setViewportSize({ width: 390, height: 844 });
    const [row] = await api.rows(store);
    for (const path of [...pages, `deliveries?open=${row?.id}`]) {
      await open(path);
      await settle(page);
      await expectNoSidewaysScrolling(page);
      await audit(page);
      await shoot(page, `${language}-phone-${path.replace(/=dlv_.*/, '')}`);
    }
  });
});

test('on a phone one goes from webhook to resend', async ({ page, T, open, api, store, receiver }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await open('webhooks');
  await page.getByRole('button', { name: T.webhooks.add }).click();
  const popup = page.getByRole('dialog', { name: T.webhooks.form.title });
  await popup.getByLabel(T.webhooks.form.url).fill(`${receiver.url}/ok`);
  await popup.getByRole('checkbox', { name: T.webhooks.form.everything }).check();
  await popup.getByRole('button', { name: T.webhooks.form.submit }).click();
  await expect(page.getByRole('dialog', { name: T.webhooks.key.title })).toBeVisible();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: T.shell.openMenu }).click();
  await page.getByRole('link', { name: T.shell.nav.deliveries }).click();
  await expect(page.getByRole('heading', { name: T.deliveries.title })).toBeVisible();
  await expect(page.getByText(T.shell.live.live, { exact: true })).toBeAttached();
  await api.publish(store, 'phone-1');
  const card = page.locator('.item', { hasText: 'phone-1' });
  await expect(card).toContainText(T.deliveries.state.succeeded);
  await card.getByRole('button', { name: fill(T.deliveries.resendOf) }).click();
  await expect(page.getByText(T.deliveries.resendSucceeded)).toBeVisible();
  await card.getByRole('button', { name: fill(T.deliveries.historyOf) }).click();
  await expect(page.locator('.attempt')).toHaveCount(2);
});

test('the keyboard alone reaches a row’s history', async ({ page, T, open, api, store, receiver }) => {
  await api.webhook(store, `${receiver.url}/ok`);
  await api.publish(store, '1');
  await api.settled(store, 1);
  await open('deliveries');
  const button = page.getByRole('button', { name: fill(T.deliveries.historyOf) });
  await expect(button).toBeVisible();
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press('Tab');
    if (await button.evaluate((element) => element === document.activeElement)) break;
  }
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog', { name: T.history.title })).toBeVisible();
});

test('language and theme are switched and remembered', async ({ page, T, open, language }) => {
  await open('overview');
  await page.getByRole('button', { name: T.shell.toDark }).click();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await page.reload();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await page.getByRole('button', { name: language === 'vi' ? 'English' : 'Tiếng Việt' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(
    language === 'vi' ? 'Overview' : 'Tổng quan',
  );
});

test('stores are switched, staying on the page', async ({ page, T, open, api, store }) => {
  const other = `${store}-b`;
  await api.call('POST', '/stores', { id: other, name: 'Điểm bán khác' });
  await open('deliveries');
  await page.getByRole('combobox', { name: T.shell.chooseStore }).click();
  await page.keyboard.type(other).catch(() => undefined);
  await page.locator('.ant-select-item-option', { hasText: other }).click();
  await expect(page).toHaveURL(new RegExp(`/stores/${other}/deliveries$`));
  await api.call('DELETE', `/stores/${other}`);
});

for (const first of ['overview', 'webhooks', 'deliveries']) {
  test(`${first} as the first page is light, hashed, kept for ever, and under a strict policy`, async ({
    page,
    open,
  }) => {
    let scripts = 0;
    const sizes: Promise<void>[] = [];
    page.on('response', (response) => {
      if (!new URL(response.url()).pathname.startsWith('/assets/')) return;
      expect(response.url()).toMatch(/-[\w-]{8}\.\w+$/);
      expect(response.headers()['cache-control']).toContain('immutable');
      if (!response.url().endsWith('.js')) return;
      // The smallest chunks would grow by it.
      if (Number(response.headers()['content-length']) > 1024) {
        expect(response.headers()['content-encoding']).toMatch(/br|gzip/);
      }
      sizes.push(
        response
          .request()
          .sizes()
          .then(({ responseBodySize }) => {
            scripts += responseBodySize;
          }),
      );
    });
    await open(first);
    await settle(page);
    await Promise.all(sizes);
    expect(scripts / 1024).toBeLessThan(350);
    const html = await page.request.get('/');
    expect(html.headers()['cache-control']).toMatch(/no-store|no-cache/);
    const policy = html.headers()['content-security-policy'] ?? '';
    expect(policy).toContain("script-src 'self'");
    expect(/script-src[^;]*unsafe/.test(policy)).toBe(false);
  });
}
