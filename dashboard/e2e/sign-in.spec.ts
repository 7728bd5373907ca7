// Đăng nhập, links, sign-out.
import { email, expect, fill, password, test } from './support/test';

test('one signs in with e-mail and password and comes to where one wanted to go', async ({
  page,
  T,
  store,
}) => {
  await page.goto(`/stores/${store}/webhooks`);
  await expect(page.getByRole('heading', { name: T.signIn.title })).toBeVisible();
  await page.getByLabel(T.signIn.email, { exact: true }).fill(email);
  await page.getByLabel(T.signIn.password, { exact: true }).fill('not the password');
  await page.getByRole('button', { name: T.signIn.submit }).click();
  await expect(page.getByRole('alert')).toContainText(T.signIn.wrong);
  await page.getByLabel(T.signIn.password, { exact: true }).fill(password);
  await page.getByRole('button', { name: T.signIn.submit }).click();
  await expect(page.getByRole('heading', { name: T.webhooks.title })).toBeVisible();
});

test('empty fields are asked for', async ({ page, T }) => {
  await page.goto('/sign-in');
  await page.getByRole('button', { name: T.signIn.submit }).click();
  await expect(page.getByText(T.signIn.emailRequired)).toBeVisible();
  await expect(page.getByText(T.signIn.passwordRequired)).toBeVisible();
});

test('whoever signs out is out', async ({ page, T, store }) => {
  // A session of its own: it ends.
  const answer = await page.request.post('/api/v1/session', { data: { email, password } });
  expect(answer.status()).toBe(200);
  await page.goto(`/stores/${store}/overview`);
  await page.getByRole('button', { name: T.shell.account }).click();
  await page.getByRole('menuitem', { name: T.shell.signOut }).click();
  await expect(page.getByRole('heading', { name: T.signIn.title })).toBeVisible();
  await page.goto('/');
  await expect(page.getByRole('heading', { name: T.signIn.title })).toBeVisible();
});

test('a link that is used up says so, and its token leaves the address', async ({ page, T }) => {
  await page.goto('/sign-in#token=used-up');
  await expect(page.getByRole('heading', { name: T.signIn.linkTitle })).toBeVisible();
  expect(page.url()).not.toContain('used-up');
  await page.getByRole('link', { name: T.signIn.toSignIn }).click();
  await expect(page.getByLabel(T.signIn.email, { exact: true })).toBeVisible();
});

test('an address in `next` leads nowhere else', async ({ page, T, store }) => {
  await page.goto('/sign-in?next=//evil.example/');
  await page.getByLabel(T.signIn.email, { exact: true }).fill(email);
  await page.getByLabel(T.signIn.password, { exact: true }).fill(password);
  await page.getByRole('button', { name: T.signIn.submit }).click();
  await expect(page).toHaveURL(/\/stores\/[^/]+\/overview$/);
  expect(store).toBeTruthy();
});

test('a portal link opens its store alone', async ({ page, T, store, api }) => {
  const link = await api.call('POST', `/stores/${store}/portal-links`, { valid_minutes: 5 });
  const { pathname, hash } = new URL(link.url);
  await page.goto(pathname + hash);
  await expect(page).toHaveURL(new RegExp(`/stores/${store}/overview$`));
  await expect(page.getByRole('combobox', { name: T.shell.chooseStore })).toHaveCount(0);
  await page.goto(`/stores/${store}/settings`);
  await expect(page.getByRole('link', { name: T.settings.tabs.keys })).toBeVisible();
  await expect(page.getByRole('link', { name: T.settings.tabs.members })).toHaveCount(0);
  await page.goto(`/stores/${store}/webhooks`);
  await expect(page.getByRole('button', { name: T.webhooks.add })).toBeVisible();
});

test('a viewer sees all and can do nothing', async ({ page, T, store, api, receiver }) => {
  await api.webhook(store, `${receiver.url}/ok`);
  await api.publish(store, '1');
  await api.settled(store, 1);
  const link = await api.call('POST', `/stores/${store}/portal-links`, { valid_minutes: 5, role: 'viewer' });
  const { pathname, hash } = new URL(link.url);
  await page.goto(pathname + hash);
  await page.getByRole('link', { name: T.shell.nav.webhooks }).click();
  await expect(page.getByText(`${receiver.url}/ok`)).toBeVisible();
  await expect(page.getByRole('switch')).toHaveCount(0);
  await expect(page.getByRole('button', { name: T.webhooks.add })).toHaveCount(0);
  await page.getByRole('link', { name: T.shell.nav.deliveries }).click();
  await expect(page.getByRole('button', { name: fill(T.deliveries.historyOf) })).toBeVisible();
  await expect(page.getByRole('button', { name: fill(T.deliveries.resendOf) })).toHaveCount(0);
  await expect(page.getByRole('button', { name: T.deliveries.bulk.button })).toHaveCount(0);
});
