// What a page shows when there is nothing, not yet, or no way to show it; and what it leaves the server in peace with.
import { expect, fill, test } from './support/test';

const pages = [
  ['overview', '**/overview?*'],
  ['webhooks', '**/stores/*/webhooks*'],
  ['deliveries', '**/deliveries?*'],
  ['samples', '**/event-types'],
  ['inbox', '**/inboxes'],
  ['settings/keys', '**/stores/*/keys'],
  ['settings/members', '**/members*'],
  ['settings/audit', '**/audit*'],
] as const;

for (const [path, calls] of pages) {
  test(`${path}: while it loads, and when it cannot, one sees so and can try again`, async ({
    page,
    T,
    open,
  }) => {
    let isBroken = true;
    let answer = () => {};
    const asked = new Promise<void>((resolve) => {
      answer = resolve;
    });
    await page.route(`**/api/v1/**${calls.slice(2)}`, async (route) => {
      await asked;
      if (!isBroken) return route.continue();
      const body = JSON.stringify({ type: 'internal', title: 'x', status: 500 });
      return route.fulfill({ status: 500, contentType: 'application/problem+json', body });
    });
    await open(path);
    await expect(page.locator('.loading').first()).toBeVisible();
    answer();
    const alert = page.getByRole('main').getByRole('alert').first();
    await expect(alert).toContainText(T.shell.error.title, { timeout: 30_000 });
    await expect(alert).toContainText(T.shell.error.server);
    isBroken = false;
    await alert.getByRole('button', { name: T.shell.error.retry }).click();
    await expect(page.getByRole('main').getByRole('alert')).toHaveCount(0);
    await expect(page.locator('.loading')).toHaveCount(0);
  });
}

test('without the live stream, pages ask again, and never within 15 seconds', async ({
  page,
  T,
  open,
  api,
  store,
}) => {
  test.setTimeout(120_000);
  await api.publish(store, '1');
  const inbox = await api.call('POST', `/stores/${store}/inboxes`, {});
  expect(inbox.url).toBeTruthy();
  await page.route('**/live', (route) => route.fulfill({ status: 503, body: '' }));
  await page.clock.install();
  await page.addInitScript(() => {
    const calls: [string, number][] = [];
    const own = window.fetch;
    window.fetch = (input, init) => {
      const { method, url } = new Request(input, init);
      if (method === 'GET') calls.push([new URL(url).pathname + new URL(url).search, Date.now()]);
      return own(input, init);
    };
    Object.assign(window, { calls });
  });
  for (const [path, repeated] of [
    ['overview', '/overview'],
    ['webhooks', null],
    ['deliveries', '/deliveries'],
    ['inbox', '/requests'],
  ] as const) {
    await open(path);
    if (path === 'deliveries')
      await expect(page.getByText(T.shell.live.offline, { exact: true })).toBeAttached();
    const calls = () => page.evaluate(() => (window as unknown as { calls: [string, number][] }).calls);
    const asked = async () =>
      (await calls()).filter(([address]) => repeated && address.includes(repeated)).length;
    if (repeated) await expect.poll(asked, { message: `${path} asks` }).toBeGreaterThan(0);
    await page.waitForLoadState('networkidle');
    // The page's clock is turned by hand, while answers come in their own time: it is turned for 80 seconds, and on
    // until the page has asked again.
    const run = async (seconds: number) => {
      for (let n = 0; n < seconds; n += 1) await page.clock.runFor(1_000);
    };
    await run(80);
    const askedAgain = async () => {
      await run(5);
      return asked();
    };
    if (repeated) await expect.poll(askedAgain, { message: `${path} asks again` }).toBeGreaterThan(1);
    const last = new Map<string, number>();
    // The time within an address is not what makes it another one.
    for (const [address, at] of await calls()) {
      const what = address.replace(/(from|to)=[^&]+/g, '');
      const before = last.get(what);
      if (before !== undefined) expect(at - before, `${path}: ${address}`).toBeGreaterThanOrEqual(15_000);
      last.set(what, at);
    }
  }
});

test('numbers are written as in the page’s language', async ({ page, T, open, api, store, language }) => {
  const events = Array.from({ length: 500 }, (_, n) => ({
    type: 'order.created',
    object_id: `n${n}`,
    payload: { n },
  }));
  for (let batch = 0; batch < 3; batch += 1)
    await api.call('POST', `/stores/${store}/events/batch`, { events });
  await open('overview');
  const figure = page.locator('.figure', { hasText: T.overview.eventsToday });
  await expect(figure).toContainText(language === 'vi' ? '1.500' : '1,500');
  await open('deliveries');
  await expect(page.getByRole('main')).toContainText(
    fill(T.deliveries.total_other, { count: language === 'vi' ? '1.500' : '1,500' }),
  );
});

test('whoever comes for the first time reads Vietnamese, in the font made for it', async ({
  browser,
  baseURL,
}) => {
  const context = await browser.newContext({ baseURL, locale: 'en-US' });
  const page = await context.newPage();
  await page.goto('/sign-in');
  await expect(page.getByRole('heading', { name: 'Đăng nhập' })).toBeVisible();
  await expect(page.locator('html')).toHaveAttribute('lang', 'vi');
  await page.evaluate(() => document.fonts.ready);
  expect(await page.evaluate(() => getComputedStyle(document.body).fontFamily)).toContain('Be Vietnam Pro');
  const loaded = await page.evaluate(() =>
    [...document.fonts].filter(({ status }) => status === 'loaded').map(({ family }) => family),
  );
  expect(loaded.some((family) => family.includes('Be Vietnam Pro'))).toBe(true);
  await context.close();
});
