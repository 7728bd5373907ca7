// ui.md, 3: Sự kiện webhook.
import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { expect, fill, test } from './support/test';

const rows = (page: Page) => page.locator('main tbody tr');

test('the columns are in the document’s order, and more can be chosen', async ({
  page,
  T,
  open,
  api,
  store,
  receiver,
}) => {
  await api.webhook(store, `${receiver.url}/ok`);
  await api.publish(store, '208610');
  await api.settled(store, 1);
  await open('deliveries');
  const { number, type, object, responses, status, created, actions, webhook, code, duration, next } =
    T.deliveries.columns;
  const heads = page.getByRole('columnheader');
  await expect(heads).toHaveText([number, type, object, responses, status, created, actions]);
  await page.getByRole('button', { name: T.deliveries.columnPicker }).click();
  for (const name of [webhook, code, duration, next])
    await page.getByRole('checkbox', { name, exact: true }).check();
  await expect(heads).toHaveText([
    number,
    type,
    object,
    responses,
    status,
    created,
    webhook,
    code,
    duration,
    next,
    actions,
  ]);
  await expect(rows(page).first()).toContainText('200');
  await expect(rows(page).first().locator('td').nth(8)).toHaveText(/^[\d.,]+ (ms|s)$/);
  await page.reload();
  await expect(heads).toHaveCount(11);
});

test('a published order arrives by itself, newest first, numbered from 1', async ({
  page,
  T,
  open,
  api,
  store,
  receiver,
}) => {
  await api.webhook(store, `${receiver.url}/ok`);
  await api.publish(store, 'first');
  await api.settled(store, 1);
  await open('deliveries');
  await expect(rows(page)).toHaveCount(1);
  await expect(page.getByText(T.shell.live.live, { exact: true })).toBeVisible();
  await api.publish(store, 'second');
  await expect(rows(page)).toHaveCount(2);
  await expect(rows(page).first()).toContainText('second');
  await expect(rows(page).first()).toContainText(T.deliveries.state.succeeded);
  await expect(rows(page).locator('td:first-child')).toHaveText(['1', '2']);
});

test('nothing moves while one reads: new rows wait behind a button', async ({
  page,
  T,
  open,
  api,
  store,
  receiver,
}) => {
  await api.webhook(store, `${receiver.url}/ok`);
  for (let n = 0; n < 25; n += 1) await api.publish(store, `old-${n}`);
  await api.settled(store, 25);
  await open('deliveries');
  await expect(rows(page)).toHaveCount(25);
  await page.mouse.wheel(0, 600);
  await expect.poll(() => page.evaluate(() => window.scrollY)).toBeGreaterThan(300);
  const place = await rows(page).nth(12).boundingBox();
  await api.publish(store, 'new');
  const button = page
    .getByRole('button', { name: fill(T.deliveries.newRows_other, { count: 1 }) })
    .or(page.getByRole('button', { name: /^1 new event$/ }));
  await expect(button).toBeVisible();
  expect((await rows(page).nth(12).boundingBox())?.y).toBe(place?.y);
  await button.click();
  await expect(rows(page).first()).toContainText('new');
});

test('the state says why and when next, on hover', async ({ page, T, open, api, store, receiver }) => {
  await api.webhook(store, `${receiver.url}/500`);
  await api.publish(store, '1');
  await api.settled(store, 1);
  await open('deliveries');
  await rows(page).getByText(T.deliveries.state.retrying).hover();
  const tip = page.getByRole('tooltip');
  await expect(tip).toContainText(fill(T.outcomes.http_500.title, { status: 500 }));
  await expect(tip).toContainText(fill(T.outcomes.waiting.retrying));
});

test('Số lần đã xử lý counts answers, and attempts are in the tooltip', async ({
  page,
  T,
  open,
  api,
  store,
  expired,
}) => {
  await api.webhook(store, `${expired.url}/ok`);
  await api.publish(store, '1');
  await api.settled(store, 1);
  await open('deliveries');
  const cell = rows(page).locator('td').nth(3);
  await expect(cell).toHaveText('0');
  await cell.locator('span').hover();
  await expect(page.getByRole('tooltip')).toContainText(
    fill(T.deliveries.attemptsHint, { responses: 0, attempts: 1 }),
  );
});

test('filters live in the address, so a view can be shared', async ({
  page,
  T,
  open,
  api,
  store,
  receiver,
}) => {
  await api.webhook(store, `${receiver.url}/ok`, { events: ['order.*'] });
  await api.publish(store, '1');
  await api.publish(store, '2');
  await api.publish(store, '3', 'product.created');
  await api.settled(store, 3);
  await open('deliveries');
  await expect(rows(page)).toHaveCount(3);
  await page.getByLabel(T.deliveries.filters.object).fill('2');
  await expect(rows(page)).toHaveCount(1);
  await expect(page).toHaveURL(/object_id=2/);
  await page.reload();
  await expect(rows(page)).toHaveCount(1);
  await page.getByRole('button', { name: T.deliveries.filters.clear }).click();
  await expect(rows(page)).toHaveCount(3);

  await page.getByRole('combobox', { name: T.deliveries.filters.status }).click();
  await page.locator('.ant-select-item-option').filter({ hasText: T.deliveries.state.skipped }).click();
  await expect(rows(page)).toHaveCount(1);
  await expect(page).toHaveURL(/status=skipped/);
  await page.goto(`/stores/${store}/deliveries?type=order.*`);
  await expect(rows(page)).toHaveCount(2);
  await page.goto(`/stores/${store}/deliveries?from=2020-01-01&to=2020-01-02`);
  await expect(page.getByRole('heading', { name: T.deliveries.noMatchTitle })).toBeVisible();
  await expect(page.getByLabel(T.deliveries.filters.from)).toHaveValue('01/01/2020');
});

test('type and webhook are chosen from lists, and numbers begin at 1 in what matches', async ({
  page,
  T,
  open,
  api,
  store,
  receiver,
}) => {
  await api.webhook(store, `${receiver.url}/ok`, { events: ['order.*'] });
  await api.webhook(store, `${receiver.url}/ok?kho`, { events: ['product.created'] });
  await api.publish(store, 'oldest');
  await api.publish(store, 'product', 'product.created');
  await api.publish(store, 'newest', 'order.paid');
  await api.settled(store, 3);
  await open('deliveries');
  const choose = async (filter: string, option: string | RegExp) => {
    await page.getByRole('combobox', { name: filter }).click();
    await page.locator('.ant-select-item-option').filter({ hasText: option }).first().click();
  };
  const { type, webhook, wholeGroup, clear } = T.deliveries.filters;
  await choose(type, fill(wholeGroup, { group: T.shell.group.order.toLowerCase() }));
  await expect(page).toHaveURL(/type=order/);
  await expect(rows(page).locator('td:first-child')).toHaveText(['1', '2']);
  await expect(rows(page).first()).toContainText('newest');
  await expect(rows(page).last()).toContainText('oldest');
  await page.getByRole('button', { name: clear }).click();
  await expect(rows(page)).toHaveCount(3);
  await choose(webhook, '/ok?kho');
  await expect(page).toHaveURL(/webhook_id=wh_/);
  await expect(rows(page)).toHaveCount(1);
  await expect(rows(page)).toContainText('product');
});

test('each state has a colour of its own, and a word besides', async ({
  page,
  T,
  open,
  api,
  store,
  receiver,
}) => {
  await api.webhook(store, `${receiver.url}/ok`, { events: ['order.created'] });
  await api.webhook(store, `${receiver.url}/500`, { events: ['order.paid'], max_attempts: 1 });
  await api.webhook(store, `${receiver.url}/500`, { events: ['order.updated'] });
  for (const name of ['order.created', 'order.paid', 'order.updated', 'product.created'])
    await api.publish(store, '1', name);
  await api.settled(store, 4);
  await open('deliveries');
  const { succeeded, failed, retrying, skipped } = T.deliveries.state;
  const colours: string[] = [];
  for (const word of [succeeded, failed, retrying, skipped]) {
    const tag = rows(page).getByText(word, { exact: true });
    await expect(tag).toBeVisible();
    colours.push(await tag.evaluate((element) => getComputedStyle(element).color));
  }
  expect(new Set(colours).size).toBe(4);
});

test('pages go forward and back, and numbers go on', async ({ page, T, open, api, store }) => {
  const events = Array.from({ length: 45 }, (_, n) => ({
    type: 'order.created',
    object_id: `p${n}`,
    payload: { n },
  }));
  await api.call('POST', `/stores/${store}/events/batch`, { events });
  await open('deliveries?limit=20');
  await expect(rows(page)).toHaveCount(20);
  await page.getByRole('button', { name: T.deliveries.next }).click();
  await expect(rows(page).first().locator('td').first()).toHaveText('21');
  await page.getByRole('button', { name: T.deliveries.next }).click();
  await expect(rows(page)).toHaveCount(5);
  await expect(page.getByRole('button', { name: T.deliveries.next })).toBeDisabled();
  await page.getByRole('button', { name: T.deliveries.previous }).click();
  await expect(rows(page).first().locator('td').first()).toHaveText('21');
  await page.getByRole('button', { name: T.deliveries.first }).click();
  await expect(rows(page).first().locator('td').first()).toHaveText('1');
});

test('Gửi lại sends once more and says how it went', async ({ page, T, open, api, store, receiver }) => {
  const id = await api.webhook(store, `${receiver.url}/500`, { max_attempts: 1 });
  await api.publish(store, '1');
  await api.settled(store, 1);
  await open('deliveries');
  const resend = rows(page).getByRole('button', { name: fill(T.deliveries.resendOf) });
  await resend.click();
  await expect(page.getByText(T.deliveries.resendFailed)).toBeVisible();
  await api.call('PATCH', `/stores/${store}/webhooks/${id}`, { url: `${receiver.url}/ok` });
  await resend.click();
  await expect(page.getByText(T.deliveries.resendSucceeded)).toBeVisible();
  await expect(rows(page)).toContainText(T.deliveries.state.succeeded);
  await rows(page)
    .getByRole('button', { name: fill(T.deliveries.historyOf) })
    .click();
  await expect(page.getByRole('dialog', { name: T.history.title }).locator('.attempt')).toHaveCount(3);
});

test('all that match are sent again: the count first, progress over a reload', async ({
  page,
  T,
  open,
  api,
  store,
  receiver,
}) => {
  await api.webhook(store, `${receiver.url}/ok`);
  for (let n = 0; n < 30; n += 1) await api.publish(store, `b${n}`);
  await api.settled(store, 30);
  await open('deliveries?status=succeeded');
  await page.getByRole('button', { name: T.deliveries.bulk.button }).click();
  const popup = page.getByRole('dialog', { name: T.deliveries.bulk.title });
  await expect(popup).toContainText(fill(T.deliveries.bulk.count_other, { count: 30 }));
  await popup.getByRole('button', { name: fill(T.deliveries.bulk.submit_other, { count: 30 }) }).click();
  await expect(popup).toBeHidden();
  await expect(page.locator('.job')).toBeVisible();
  const jobs = (await api.call('GET', `/stores/${store}/resends`)).data;
  expect(jobs[0]).toMatchObject({ total: 30 });
  await page.reload();
  await expect(page.locator('.job').getByRole('progressbar')).toBeVisible();
  await expect
    .poll(async () => (await api.call('GET', `/stores/${store}/resends`)).data[0].state, { timeout: 30_000 })
    .toBe('done');
  await expect(page.locator('.job')).toContainText(T.deliveries.bulk.done);
  await expect(page.locator('.job').getByRole('progressbar')).toHaveAttribute('aria-valuenow', '100');
});

test('the filter is exported as CSV', async ({ page, T, open, api, store, receiver }) => {
  await api.webhook(store, `${receiver.url}/ok`);
  await api.publish(store, 'csv-1');
  await api.publish(store, 'csv-2');
  await api.settled(store, 2);
  await open('deliveries?object_id=csv-2');
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: T.deliveries.csv }).click();
  const text = readFileSync(await (await download).path(), 'utf8');
  expect(text.charCodeAt(0)).toBe(0xfeff);
  expect(text).toContain('csv-2');
  expect(text).not.toContain('csv-1');
  expect(text).toContain(T.deliveries.columns.type);
});

test('times are those of Vietnam, relative, exact on hover', async ({ page, open, api, store, receiver }) => {
  await api.webhook(store, `${receiver.url}/ok`);
  await api.publish(store, '1');
  const [row] = await api.settled(store, 1);
  await open('deliveries');
  const time = rows(page).locator('time');
  await time.hover();
  const iso = (row as unknown as { created_at: string }).created_at;
  const there = new Date(Date.parse(iso) + 7 * 3_600_000).toISOString();
  await expect(page.getByRole('tooltip')).toContainText(
    `${there.slice(8, 10)}/${there.slice(5, 7)}/${there.slice(0, 4)} ${there.slice(11, 19)}`,
  );
});

test('a day is picked from the calendar', async ({ page, T, open, api, store }) => {
  await api.publish(store, '1');
  await api.settled(store, 1);
  await open('deliveries');
  await page.getByLabel(T.deliveries.filters.from).click();
  await page.locator('.ant-picker-cell-today').click();
  await expect(page).toHaveURL(/from=\d{4}-\d{2}-\d{2}/);
  await expect(rows(page)).toHaveCount(1);
  await page.getByRole('button', { name: T.deliveries.filters.clear }).click();
  await expect(page).not.toHaveURL(/from=/);
});

test('the calendar that loads late takes nobody back to its field', async ({ page, T, open, api, store }) => {
  await api.publish(store, '1');
  let letThrough = () => {};
  const isLet = new Promise<void>((resolve) => {
    letThrough = resolve;
  });
  await page.route('**/DayPicker-*.js', async (route) => {
    await isLet;
    await route.continue();
  });
  await open('deliveries');
  await page.getByLabel(T.deliveries.filters.from).focus();
  const search = page.getByPlaceholder(T.deliveries.filters.object);
  await search.focus();
  const loaded = page.waitForResponse('**/DayPicker-*.js');
  letThrough();
  await loaded;
  await expect(page.locator('.ant-picker')).toHaveCount(1);
  await expect(search).toBeFocused();
});
