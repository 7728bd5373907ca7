// ui.md, 6: Hộp thử.
import { expect, fill, test } from './support/test';

test('from nothing to a verified request without a server', async ({ page, T, open, api, store }) => {
  await open('inbox');
  await expect(page.getByRole('heading', { name: T.inbox.emptyTitle })).toBeVisible();
  await page.getByRole('button', { name: T.inbox.create }).click();
  await expect(page.getByText(T.inbox.waitingTitle)).toBeVisible();
  await page.getByRole('link', { name: T.inbox.addWebhook }).click();
  const popup = page.getByRole('dialog', { name: T.webhooks.form.title });
  await expect(popup.getByLabel(T.webhooks.form.url)).toHaveValue(/^https:\/\//);
  await popup.getByRole('checkbox', { name: T.webhooks.form.everything }).check();
  await popup.getByRole('button', { name: T.webhooks.form.submit }).click();
  await expect(page.getByRole('dialog', { name: T.webhooks.key.title })).toBeVisible();

  await page.goto(`/stores/${store}/inbox`);
  await api.publish(store, 'inbox-1', 'order.created', { id: 'inbox-1', note: 'Kẻ chân mày' });
  const request = page.locator('.requests > li').first();
  await expect(request).toContainText('inbox-1');
  await expect(request).toContainText(T.inbox.verified);
  await expect(request).toContainText(fill(T.inbox.answered, { status: 200 }));
  await expect(request.getByRole('region', { name: T.inbox.body })).toContainText('Kẻ chân mày');
});

test('one chooses what it answers', async ({ page, T, open, api, store }) => {
  await open('inbox');
  await page.getByRole('button', { name: T.inbox.create }).click();
  for (const answer of ['fail', 'slow', 'ok'] as const) {
    await page.getByText(T.inbox.answers[answer], { exact: true }).click();
    await expect(page.getByText(T.inbox.answerHints[answer])).toBeVisible();
    const [inbox] = (await api.call('GET', `/stores/${store}/inboxes`)).data;
    expect(inbox.answer).toBe(answer);
  }
});

test('an error that it answers is a failed attempt, and a strange signature is said to be wrong', async ({
  page,
  T,
  open,
  api,
  store,
}) => {
  const inbox = await api.call('POST', `/stores/${store}/inboxes`, {});
  await api.call('PATCH', `/stores/${store}/inboxes/${inbox.id}`, { answer: 'fail' });
  await api.webhook(store, inbox.url, { max_attempts: 1 });
  await api.publish(store, 'own');
  const [row] = await api.settled(store, 1);
  expect(row?.status).toBe('failed');
  await open('inbox');
  const requests = page.locator('.requests > li');
  await expect(requests.first()).toContainText(fill(T.inbox.answered, { status: 500 }));
  await expect(requests.first()).toContainText(T.inbox.verified);

  // Another shop's webhook signs with a key that this one's webhooks do not have.
  const other = `${store}-x`;
  await api.call('POST', '/stores', { id: other, name: 'Tiệm khác' });
  await api.webhook(other, inbox.url, { max_attempts: 1 });
  await api.publish(other, 'strange');
  await api.settled(other, 1);
  await page.reload();
  await expect(requests.first()).toContainText('strange');
  await expect(requests.first()).toContainText(T.inbox.forged);
  await api.call('DELETE', `/stores/${other}`);
});

test('slow is so slow that the attempt ends', async ({ page, T, open, api, store }) => {
  const inbox = await api.call('POST', `/stores/${store}/inboxes`, {});
  await api.call('PATCH', `/stores/${store}/inboxes/${inbox.id}`, { answer: 'slow' });
  await api.webhook(store, inbox.url, { max_attempts: 1, timeout_seconds: 1 });
  await api.publish(store, 'late');
  const [row] = await api.settled(store, 1);
  await open(`deliveries?open=${row?.id}`);
  await expect(page.getByRole('dialog', { name: T.history.title })).toContainText(T.outcomes.timeout.title);
});

test('an inbox is deleted with a question', async ({ page, T, open }) => {
  await open('inbox');
  await page.getByRole('button', { name: T.inbox.create }).click();
  await page.getByRole('button', { name: T.inbox.delete }).click();
  const question = page.getByRole('dialog').filter({ hasText: T.inbox.deleteQuestion });
  await question.getByRole('button', { name: T.inbox.delete }).click();
  await expect(page.getByRole('heading', { name: T.inbox.emptyTitle })).toBeVisible();
});
