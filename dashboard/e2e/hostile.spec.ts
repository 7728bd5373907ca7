// Names, payloads and answers that strangers write are shown as text, wherever they are shown. That nothing of them
// ran is looked at after every test: see support/test.ts.
import { settle } from './support/looks';
import { HOSTILE } from './support/receiver.mjs';
import { expect, fill, test } from './support/test';

const image = '<img src=x onerror="window.pwned=1">';
/** An object's id has no spaces. */
const object = '<img/src=x/onerror=window.pwned=1>';

test('no text of a stranger becomes a part of the page', async ({ page, T, open, api, store, receiver }) => {
  await api.call('PATCH', `/stores/${store}`, { name: `Shop ${image}` });
  await api.call('POST', `/stores/${store}/keys`, { name: `Key ${image}`, scopes: ['read'] });
  const inbox = await api.call('POST', `/stores/${store}/inboxes`, { name: `Box ${image}` });
  await api.webhook(store, inbox.url, { description: image, headers: [{ key: 'x-name', value: image }] });
  await api.webhook(store, `${receiver.url}/hostile`, { description: HOSTILE, max_attempts: 1 });
  await api.publish(store, object, 'order.created', { id: object, note: `</script>${HOSTILE}`, [image]: 1 });
  const rows = await api.settled(store, 2);
  const failed = rows.find(({ status }) => status === 'failed');

  for (const [path, texts] of [
    ['overview', [image]],
    ['webhooks', [image]],
    ['deliveries', [object]],
    [`deliveries?open=${failed?.id}`, [object, HOSTILE, `</script>${HOSTILE.slice(0, 8)}`]],
    ['inbox', [object, image]],
    ['settings/keys', [`Key ${image}`]],
    ['settings/audit', [`Key ${image}`]],
  ] as const) {
    await open(path);
    await settle(page);
    for (const text of texts) await expect(page.locator('body'), path).toContainText(text);
    await expect(page.locator('img[src="x"]'), path).toHaveCount(0);
    expect(await page.evaluate(() => 'pwned' in window), path).toBe(false);
  }
  await open('webhooks');
  await page
    .getByRole('button', { name: fill(`${T.webhooks.edit} `) })
    .first()
    .click();
  await expect(page.getByRole('dialog', { name: T.webhooks.form.title })).toBeVisible();
  await expect(page.locator('img[src="x"]')).toHaveCount(0);
});
