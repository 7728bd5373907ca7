// ui.md, 2: Cấu hình webhook and the popup Thêm/sửa cấu hình webhook.
import { expect, fill, test } from './support/test';

test('the table has the columns of the document', async ({ page, T, open, api, store, receiver }) => {
  await api.webhook(store, `${receiver.url}/ok`);
  await open('webhooks');
  const { url, events, status, rate, updated, actions } = T.webhooks.columns;
  await expect(page.getByRole('columnheader')).toHaveText([url, events, status, rate, updated, actions]);
});

test('a row says what is sent, whether it is on, how it went in 24 hours, and when it was changed', async ({
  page,
  T,
  open,
  api,
  store,
  receiver,
}) => {
  const id = await api.webhook(store, `${receiver.url}/ok`, { max_attempts: 1 });
  await api.publish(store, '1');
  await api.settled(store, 1);
  await api.call('PATCH', `/stores/${store}/webhooks/${id}`, { url: `${receiver.url}/500` });
  await api.publish(store, '2');
  await api.settled(store, 2);
  await open('webhooks');
  const cells = page.locator('main tbody tr').first().locator('td');
  await expect(cells.nth(0)).toContainText('/500');
  await expect(cells.nth(1)).toContainText(T.webhooks.allEvents);
  await expect(cells.nth(2)).toContainText(T.webhooks.on);
  await expect(cells.nth(3)).toContainText('50%');
  await expect(cells.nth(4)).toContainText(T.shell.justNow);
});

test('a webhook with headers is added by the popup, shows its key, and sends', async ({
  page,
  T,
  open,
  api,
  store,
  receiver,
}) => {
  await open('webhooks');
  await page.getByRole('button', { name: T.webhooks.add }).click();
  const popup = page.getByRole('dialog', { name: T.webhooks.form.title });
  await popup.getByLabel(T.webhooks.form.url).fill(`${receiver.url}/ok`);
  await popup.getByRole('checkbox', { name: T.shell.group.order, exact: true }).check();
  await popup.getByRole('button', { name: T.webhooks.form.addHeader }).click();
  await popup.getByLabel(fill(T.webhooks.form.keyOf, { number: 1 })).fill('x-nguon');
  await popup.getByLabel(fill(T.webhooks.form.valueOf, { number: 1 })).fill('abaha');
  await popup.getByRole('button', { name: T.webhooks.form.addHeader }).click();
  await popup.getByRole('button', { name: fill(T.webhooks.form.removeHeader, { number: 2 }) }).click();
  await expect(popup.getByLabel(T.webhooks.form.interval)).toHaveAttribute('placeholder', '5');
  await popup.getByLabel(T.webhooks.form.interval).fill('10');
  await expect(popup.getByLabel(T.webhooks.form.attempts)).toHaveAttribute('placeholder', '3');
  await popup.getByLabel(T.webhooks.form.attempts).fill('4');
  await popup.getByRole('button', { name: T.webhooks.form.submit }).click();

  const secret = page.getByRole('dialog', { name: T.webhooks.key.title });
  await expect(secret).toContainText(/whsec_[A-Za-z0-9+/=]{32,}/);
  await secret
    .getByRole('button', { name: T.shell.close })
    .or(secret.locator('.ant-modal-close'))
    .first()
    .click();
  await expect(page.getByRole('row', { name: fill(`${receiver.url}/ok`) })).toContainText(
    T.webhooks.wholeGroup.replace('{{group}}', T.shell.group.order.toLowerCase()),
  );
  const [webhook] = (await api.call('GET', `/stores/${store}/webhooks`)).data;
  expect(webhook).toMatchObject({
    events: ['order.*'],
    headers: [{ key: 'x-nguon', value: 'abaha' }],
    retry_interval_seconds: 600,
    max_attempts: 4,
    own_settings: ['max_attempts', 'retry_interval_seconds'],
  });
  await api.publish(store, `hdr-${store}`);
  await api.settled(store, 1);
  const seen = receiver.seen.find(({ headers }) => headers['bocau-object-id'] === `hdr-${store}`);
  expect(seen?.headers['x-nguon']).toBe('abaha');
});

test('retries follow the server until they are set, and can go back to it', async ({
  page,
  T,
  open,
  api,
  store,
  receiver,
}) => {
  // How long events are kept is the server's, and no webhook's.
  const { retention_days, ...defaults } = await api.call('GET', '/defaults');
  expect(retention_days).toBeGreaterThan(0);
  await open('webhooks?add');
  const popup = page.getByRole('dialog', { name: T.webhooks.form.title });
  await popup.getByLabel(T.webhooks.form.url).fill(`${receiver.url}/ok`);
  await popup.getByRole('checkbox', { name: T.webhooks.form.everything }).check();
  const follows = (field: string) =>
    popup
      .locator('.ant-form-item', { hasText: field })
      .getByRole('checkbox', { name: T.webhooks.form.server });
  const attempts = popup.getByLabel(T.webhooks.form.attempts);
  await expect(follows(T.webhooks.form.attempts)).toBeChecked();
  await expect(attempts).toHaveAttribute('placeholder', String(defaults.max_attempts));
  await popup.getByRole('button', { name: T.webhooks.form.submit }).click();
  await expect(page.getByRole('dialog', { name: T.webhooks.key.title })).toBeVisible();
  const first = async () => (await api.call('GET', `/stores/${store}/webhooks`)).data[0];
  expect(await first()).toMatchObject({ ...defaults, own_settings: [] });

  await page.goto(`/stores/${store}/webhooks?edit=${(await first()).id}`);
  await attempts.fill('9');
  await expect(follows(T.webhooks.form.attempts)).not.toBeChecked();
  await expect(follows(T.webhooks.form.interval)).toBeChecked();
  await popup.getByRole('button', { name: T.webhooks.form.submit }).click();
  await expect(popup).toBeHidden();
  expect(await first()).toMatchObject({ max_attempts: 9, own_settings: ['max_attempts'] });

  await page.goto(`/stores/${store}/webhooks?edit=${(await first()).id}`);
  await expect(attempts).toHaveValue('9');
  await follows(T.webhooks.form.attempts).check();
  await expect(attempts).toHaveValue('');
  await popup.getByRole('button', { name: T.webhooks.form.submit }).click();
  await expect(popup).toBeHidden();
  expect(await first()).toMatchObject({ ...defaults, own_settings: [] });
});

test('the URL is judged while it is typed, in plain words', async ({ page, T, open }) => {
  await open('webhooks?add');
  const popup = page.getByRole('dialog', { name: T.webhooks.form.title });
  const url = popup.getByLabel(T.webhooks.form.url);
  for (const [typed, words] of [
    ['http://shop.vn/', T.urlCheck.not_https],
    ['https://shop.vn/a b', T.urlCheck.invisible_character],
    ['https://me:pw@shop.vn/', T.urlCheck.user_info],
    ['https://shop.vn:99999/', T.urlCheck.bad_port],
    ['https://10.0.0.8/', T.urlCheck.private_address],
  ] as const) {
    await url.fill(typed);
    await expect(popup.getByText(words)).toBeVisible();
  }
  await url.fill('https://shop.vn/webhook');
  await expect(popup.getByText(T.webhooks.form.urlGood)).toBeVisible();
});

test('what the server refuses stands at its field', async ({ page, T, open }) => {
  await open('webhooks?add');
  const popup = page.getByRole('dialog', { name: T.webhooks.form.title });
  await popup.getByLabel(T.webhooks.form.url).fill('https://192.168.1.9/hook');
  await popup.getByRole('checkbox', { name: T.webhooks.form.everything }).check();
  await popup.getByRole('button', { name: T.webhooks.form.submit }).click();
  const field = popup.locator('.ant-form-item', { hasText: T.webhooks.form.url }).first();
  await expect(field.locator('.ant-form-item-explain-error')).toBeVisible();

  await popup.getByLabel(T.webhooks.form.url).fill('https://shop.vn/hook');
  await popup.getByRole('button', { name: T.webhooks.form.addHeader }).click();
  await popup.getByLabel(fill(T.webhooks.form.keyOf, { number: 1 })).fill('Host');
  await popup.getByRole('button', { name: T.webhooks.form.submit }).click();
  await expect(popup.locator('.header-row .ant-form-item-explain-error')).toBeVisible();
});

test('events are chosen by type, by group, all of them', async ({ page, T, open }) => {
  await open('webhooks?add');
  const popup = page.getByRole('dialog', { name: T.webhooks.form.title });
  for (const group of ['order', 'product', 'customer'] as const) {
    await expect(popup.getByRole('checkbox', { name: T.shell.group[group], exact: true })).toBeVisible();
  }
  await popup.getByRole('checkbox', { name: T.shell.group.customer, exact: true }).check();
  const customers = popup.getByRole('group', { name: T.shell.group.customer });
  for (const box of await customers.getByRole('checkbox').all()) await expect(box).toBeChecked();
  await customers.getByRole('checkbox').last().uncheck();
  await expect(customers.getByRole('checkbox').nth(1)).toBeChecked();
  await popup.getByRole('button', { name: T.webhooks.form.submit }).click();
  await expect(popup.getByText(T.shell.required)).toBeVisible();
});

test('a webhook is edited, switched off and on, deleted with a question', async ({
  page,
  T,
  open,
  api,
  store,
  receiver,
}) => {
  const id = await api.webhook(store, `${receiver.url}/ok`, { description: 'cũ' });
  await open('webhooks');
  await page.getByRole('button', { name: fill(`${T.webhooks.edit} `) }).click();
  const popup = page.getByRole('dialog', { name: T.webhooks.form.title });
  await popup.getByLabel(T.webhooks.form.interval).fill('30');
  await popup.getByRole('button', { name: T.webhooks.form.submit }).click();
  await expect(popup).toBeHidden();
  expect(await api.call('GET', `/stores/${store}/webhooks/${id}`)).toMatchObject({
    retry_interval_seconds: 1800,
  });

  await page.getByRole('switch').click();
  await page.getByRole('dialog').getByRole('button', { name: T.webhooks.offConfirm }).click();
  await expect(page.getByRole('switch')).not.toBeChecked();
  await page.getByRole('switch').click();
  await expect(page.getByRole('switch')).toBeChecked();

  await page.getByRole('button', { name: fill(`${T.webhooks.delete} `) }).click();
  const question = page.getByRole('dialog').filter({ hasText: T.webhooks.deletion.title });
  await question.getByRole('button', { name: T.webhooks.deletion.confirm }).click();
  await expect(page.getByRole('heading', { name: T.webhooks.emptyTitle })).toBeVisible();
});

test('a test send shows the answer at once, right and wrong', async ({
  page,
  T,
  open,
  api,
  store,
  receiver,
  expired,
}) => {
  await api.webhook(store, `${receiver.url}/ok`);
  await api.webhook(store, `${expired.url}/ok`);
  await open('webhooks');
  await page.getByRole('button', { name: `${T.webhooks.test} ${receiver.url}/ok` }).click();
  const popup = page.getByRole('dialog', { name: T.webhooks.testing.title });
  await expect(popup).toContainText(fill(T.outcomes.success.title, { status: 200 }));
  await expect(popup).toContainText('"message": "OK"');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: `${T.webhooks.test} ${expired.url}/ok` }).click();
  await expect(popup).toContainText(T.outcomes.tls_expired.title);
  await expect(popup).toContainText(T.outcomes.tls_expired.advice);
});

test('the signing key is hidden, shown, changed', async ({ page, T, open, api, store, receiver }) => {
  await api.webhook(store, `${receiver.url}/ok`);
  await open('webhooks');
  await page.getByRole('button', { name: fill(`${T.webhooks.secret} `) }).click();
  const popup = page.getByRole('dialog', { name: T.webhooks.key.title });
  const text = popup.locator('.secret-text');
  await expect(text).toContainText('•');
  await popup.getByRole('button', { name: T.webhooks.key.show }).click();
  const before = await text.textContent();
  expect(before).toMatch(/^whsec_/);
  await popup.getByRole('button', { name: T.webhooks.key.rotate }).click();
  const question = page.getByRole('dialog').filter({ hasText: T.webhooks.key.rotateQuestion });
  await question.getByRole('button', { name: T.webhooks.key.rotate }).click();
  await expect(text).not.toHaveText(before ?? '');
  await expect(popup).toContainText(fill(T.webhooks.key.previous));
});

test('unsaved changes are not lost by a stray Escape', async ({ page, T, open }) => {
  await open('webhooks?add');
  const popup = page.getByRole('dialog', { name: T.webhooks.form.title });
  await popup.getByLabel(T.webhooks.form.url).fill('https://shop.vn/w');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: T.webhooks.form.keepEditing }).click();
  await expect(popup.getByLabel(T.webhooks.form.url)).toHaveValue('https://shop.vn/w');
});
