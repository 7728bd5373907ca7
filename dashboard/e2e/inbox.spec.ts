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

test('an inbox is deleted with a question', async ({ page, T, open }) => {
  await open('inbox');
  await page.getByRole('button', { name: T.inbox.create }).click();
  await page.getByRole('button', { name: T.inbox.delete }).click();
  const question = page.getByRole('dialog').filter({ hasText: T.inbox.deleteQuestion });
  await question.getByRole('button', { name: T.inbox.delete }).click();
  await expect(page.getByRole('heading', { name: T.inbox.emptyTitle })).toBeVisible();
});
