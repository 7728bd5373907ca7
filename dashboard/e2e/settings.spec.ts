// ui.md, 7: Cài đặt.
import { randomUUID } from 'node:crypto';
import { expect, fill, test } from './support/test';

test('a key is made, shown once, works, and is revoked', async ({ page, T, open, store, baseURL }) => {
  await open('settings/keys');
  await page.getByRole('button', { name: T.settings.keys.add }).first().click();
  const popup = page.getByRole('dialog');
  await popup.getByLabel(T.settings.keys.name).fill('Website');
  await popup.getByRole('checkbox', { name: fill(T.settings.keys.scope.read) }).check();
  await popup.getByRole('button', { name: T.settings.keys.add }).click();
  await expect(popup).toContainText(T.settings.keys.onceText);
  const key = (await popup.locator('.secret-text').textContent()) ?? '';
  expect(key).toMatch(/^bck_/);
  await popup.getByRole('button', { name: T.settings.keys.done }).click();
  await expect(page.getByText(key)).toHaveCount(0);

  const use = () =>
    fetch(`${baseURL}/api/v1/stores/${store}/webhooks`, { headers: { authorization: `Bearer ${key}` } });
  expect((await use()).status).toBe(200);
  await page.getByRole('button', { name: fill(T.settings.keys.deleteOf, { name: 'Website' }) }).click();
  await page.getByRole('dialog').getByRole('button', { name: T.settings.keys.delete }).click();
  await expect(page.getByText(T.settings.keys.deleted)).toBeVisible();
  expect((await use()).status).toBe(401);
});

test('a member is added with a role and a store, signs in, is deleted', async ({
  page,
  T,
  open,
  store,
  playwright,
  baseURL,
}) => {
  const email = `${randomUUID().slice(0, 8)}@shop.example`;
  const password = `mat-khau-${randomUUID()}`;
  await open('settings/members');
  await page.getByRole('button', { name: T.settings.members.add }).click();
  const popup = page.getByRole('dialog', { name: T.settings.members.add });
  await popup.getByLabel(T.settings.members.email).fill(email);
  await popup.getByRole('radio', { name: fill(T.shell.role.viewer) }).check();
  await popup.getByLabel(T.settings.members.password).fill('ngan');
  await popup.getByRole('button', { name: T.settings.members.add }).click();
  await expect(popup.getByText(T.settings.members.passwordRule)).toBeVisible();
  await popup.getByLabel(T.settings.members.password).fill(password);
  await popup.getByRole('button', { name: T.settings.members.add }).click();
  await expect(page.getByRole('listitem').filter({ hasText: email })).toContainText(T.shell.role.viewer);

  const other = await playwright.request.newContext({ baseURL });
  const session = await other.post('/api/v1/session', { data: { email, password } });
  expect((await session.json()).user).toMatchObject({ role: 'viewer', stores: [store] });
  await other.dispose();

  await page.getByRole('button', { name: fill(T.settings.members.deleteOf, { email }) }).click();
  await page.getByRole('dialog').getByRole('button', { name: T.settings.members.delete }).click();
  await expect(page.getByText(fill(T.settings.members.deleted, { email }))).toBeVisible();
});

test('changes are in the log: who, when, from what to what', async ({
  page,
  T,
  open,
  api,
  store,
  receiver,
}) => {
  await api.webhook(store, `${receiver.url}/ok`);
  await open('webhooks');
  await page.getByRole('button', { name: fill(`${T.webhooks.edit} `) }).click();
  const popup = page.getByRole('dialog', { name: T.webhooks.form.title });
  await popup.getByLabel(T.webhooks.form.attempts).fill('7');
  await popup.getByRole('button', { name: T.webhooks.form.submit }).click();
  await expect(popup).toBeHidden();
  await page.goto(`/stores/${store}/settings/audit`);
  const entry = page.locator('.audit-entry').first();
  await expect(entry).toContainText(T.settings.audit.action['webhook.changed']);
  await expect(entry).toContainText(process.env.BOCAU_EMAIL ?? '');
  await entry.getByText(fill(T.settings.audit.details)).click();
  await expect(entry.getByRole('row').filter({ hasText: 'max_attempts' })).toContainText('7');
});

test('an access link is made for the store', async ({ page, T, open }) => {
  await open('settings/portal');
  await page.getByRole('button', { name: T.settings.portal.create }).click();
  await expect(page.locator('.secret-text')).toContainText('/portal#token=');
});

test('two passwords that differ are not sent', async ({ page, T, open }) => {
  await open('settings/account');
  await page.getByLabel(T.settings.account.current, { exact: true }).fill('x');
  await page.getByLabel(T.settings.account.next, { exact: true }).fill('mat-khau-moi-1234');
  await page.getByLabel(T.settings.account.repeat, { exact: true }).fill('mat-khau-khac-123');
  await page.getByRole('button', { name: T.settings.account.changePassword }).click();
  await expect(page.getByText(T.settings.account.mismatch)).toBeVisible();
});
