// ui.md, 4: popup Lịch sử sự kiện.
import { HOSTILE } from './support/receiver.mjs';
import { expect, fill, test } from './support/test';

const payload = { id: '208610', name: `</script>${HOSTILE}`, total: 1 };

test('each attempt is said plainly, with request, response and payload as text', async ({
  page,
  T,
  open,
  api,
  store,
  receiver,
}) => {
  await api.webhook(store, `${receiver.url}/hostile`, { headers: [{ key: 'x-khoa', value: 'bi-mat' }] });
  await api.publish(store, '208610', 'order.created', payload);
  await api.settled(store, 1);
  await open('deliveries');
  await page.getByRole('button', { name: fill(T.deliveries.historyOf) }).click();
  const popup = page.getByRole('dialog', { name: T.history.title });
  const attempt = popup.locator('.attempt').first();
  await expect(attempt).toContainText(T.history.trigger.auto);
  await expect(attempt).toContainText(fill(T.outcomes.http_500.title, { status: 500 }));
  await expect(attempt).toContainText(T.outcomes.http_500.advice);
  await expect(attempt.getByRole('region', { name: T.history.body }).first()).toContainText(HOSTILE);
  for (const part of await attempt.locator('.headers > summary').all()) await part.click();
  await expect(attempt).toContainText('webhook-signature');
  await expect(popup.getByRole('region', { name: 'JSON' })).toContainText(HOSTILE.slice(0, 20));
  await expect(popup).not.toContainText('bi-mat');
});

test('an expired certificate and a sign-in page are named as such', async ({
  page,
  T,
  open,
  api,
  store,
  receiver,
  expired,
}) => {
  await api.webhook(store, `${expired.url}/ok`, { events: ['order.created'], max_attempts: 1 });
  await api.webhook(store, `${receiver.url}/login`, { events: ['product.created'], max_attempts: 1 });
  await api.publish(store, 'cert');
  await api.publish(store, 'login', 'product.created');
  const list = await api.settled(store, 2);
  await open(`deliveries?open=${list[1]?.id}`);
  const popup = page.getByRole('dialog', { name: T.history.title });
  await expect(popup).toContainText(T.outcomes.tls_expired.title);
  await expect(popup).toContainText(T.outcomes.tls_expired.advice);
  await page.goto(`/stores/${store}/deliveries?open=${list[0]?.id}`);
  await expect(popup).toContainText(fill(T.outcomes.login_page.title, { status: 403 }));
  await expect(popup).toContainText(T.outcomes.login_page.advice);
});

test('what was not sent says why', async ({ page, T, open, api, store }) => {
  await api.publish(store, '1');
  const [row] = await api.settled(store, 1);
  await open(`deliveries?open=${row?.id}`);
  const popup = page.getByRole('dialog', { name: T.history.title });
  await expect(popup).toContainText(T.outcomes.reason.no_webhook.title);
  await expect(popup).toContainText(T.outcomes.reason.no_webhook.advice);
  await expect(popup.getByRole('button', { name: T.deliveries.resend })).toHaveCount(0);
});

test('a resend from the popup shows its attempt, by hand', async ({
  page,
  T,
  open,
  api,
  store,
  receiver,
}) => {
  await api.webhook(store, `${receiver.url}/ok`);
  await api.publish(store, '1');
  const [row] = await api.settled(store, 1);
  await open(`deliveries?open=${row?.id}`);
  const popup = page.getByRole('dialog', { name: T.history.title });
  await expect(popup.locator('.attempt')).toHaveCount(1);
  await popup.getByRole('button', { name: T.deliveries.resend }).click();
  await expect(popup.locator('.attempt')).toHaveCount(2);
  await expect(popup.locator('.attempt').first()).toContainText(T.history.trigger.manual);
});

test('an attempt is copied as curl, with the bytes that were signed', async ({
  page,
  context,
  T,
  open,
  api,
  store,
  receiver,
}) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await api.webhook(store, `${receiver.url}/ok`);
  await api.publish(store, '1', 'order.created', payload);
  const [row] = await api.settled(store, 1);
  await open(`deliveries?open=${row?.id}`);
  await page.getByRole('button', { name: T.history.curl }).click();
  await expect(page.getByRole('button', { name: T.shell.copied })).toBeVisible();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  expect(copied).toContain(`curl -X POST '${receiver.url}/ok'`);
  expect(copied).toContain("-H 'webhook-signature: v1,");
  expect(copied).toContain(`--data-raw '${JSON.stringify(payload)}'`);
});

test('the open history is in the address and closes with Escape', async ({ page, T, open, api, store }) => {
  await api.publish(store, '1');
  await api.settled(store, 1);
  await open('deliveries');
  await page.getByRole('button', { name: fill(T.deliveries.historyOf) }).click();
  await expect(page).toHaveURL(/open=dlv_/);
  await expect(page.getByRole('dialog', { name: T.history.title })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page).not.toHaveURL(/open=/);
});
