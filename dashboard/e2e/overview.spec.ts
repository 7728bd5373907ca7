// ui.md, 1: Tổng quan.
import { expect, fill, test } from './support/test';

test('the overview counts, rates, draws, and says how to mend what fails', async ({
  page,
  T,
  open,
  api,
  store,
  receiver,
}) => {
  const good = await api.webhook(store, `${receiver.url}/ok`);
  await api.webhook(store, `${receiver.url}/500`, { max_attempts: 1 });
  for (const id of ['1', '2', '3']) await api.publish(store, id);
  await api.settled(store, 6);

  await open('overview');
  const figure = (name: string) => page.locator('.figure', { hasText: name });
  await expect(figure(T.overview.eventsToday)).toContainText('3');
  await expect(figure(T.overview.successRate)).toContainText('50%');
  await expect(figure(T.overview.p95)).toContainText('ms');
  await expect(page.getByRole('img', { name: fill(T.overview.chartText) })).toBeVisible();
  await page.getByText(T.overview.chartTable).click();
  await expect(page.getByRole('region', { name: T.overview.chartTable })).toContainText(
    T.deliveries.state.failed,
  );

  const failing = page.getByRole('listitem').filter({ hasText: `${receiver.url}/500` });
  await expect(failing).toContainText(T.outcomes.http_500.advice);
  await failing.getByRole('link', { name: T.overview.seeFailures }).click();
  await expect(page).toHaveURL(/status=failed/);
  await expect(page.locator('main tbody tr')).toHaveCount(3);
  expect(good).toBeTruthy();
});

test('a new store is told how to begin', async ({ page, T, open }) => {
  await open('overview');
  await expect(page.getByRole('heading', { name: T.overview.emptyTitle })).toBeVisible();
  await page.getByRole('link', { name: T.overview.addWebhook }).click();
  await expect(page.getByRole('dialog', { name: T.webhooks.form.title })).toBeVisible();
});

test('an error says what to do and can be tried again', async ({ page, T, open }) => {
  await page.route('**/overview?*', (route) => route.abort());
  await open('overview');
  await expect(page.getByRole('alert')).toContainText(T.shell.error.unreachable, { timeout: 20_000 });
  await page.unroute('**/overview?*');
  await page.getByRole('button', { name: T.shell.error.retry }).click();
  await expect(page.getByRole('heading', { name: T.overview.emptyTitle })).toBeVisible();
});
