// ui.md, 5: Mẫu dữ liệu.
import { readFileSync } from 'node:fs';
import { expect, test } from './support/test';

test('every event type has its sample and schema', async ({ page, T, open, api }) => {
  const types = (await api.call('GET', '/event-types')).data as { name: string; sample: object }[];
  await open('samples');
  const list = page.getByRole('navigation', { name: T.samples.types });
  await expect(list.getByRole('button')).toHaveCount(types.length);
  for (const { name, sample } of types) {
    await list.getByRole('button', { name }).click();
    const first = Object.entries(sample)[0];
    await expect(page.getByRole('region', { name, exact: true })).toContainText(
      `"${first?.[0]}": "${first?.[1]}"`,
    );
  }
  await page.getByRole('tab', { name: T.samples.schema }).click();
  await expect(page.getByRole('region', { name: T.samples.schema })).toContainText(T.samples.required);
  await page.getByText(T.samples.json).click();
  await expect(page.getByRole('region', { name: T.samples.json })).toContainText('"$schema"');
});

test('receiver code in five languages is ready to copy', async ({ page, context, T, open }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await open('samples');
  const part = page.locator('#code');
  for (const [tab, file] of [
    ['PHP', 'php/webhook.php'],
    ['Node.js', 'node/webhook.mjs'],
    ['Python', 'python/webhook.py'],
    ['C#', 'csharp/Program.cs'],
    ['Java', 'java/Webhook.java'],
  ] as const) {
    await part.getByRole('tab', { name: tab, exact: true }).click();
    const panel = part.getByRole('tabpanel').filter({ visible: true });
    await panel.getByRole('button', { name: T.shell.copy }).click();
    await expect(panel.getByRole('button', { name: T.shell.copied })).toBeVisible();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    expect(copied).toBe(readFileSync(new URL(`../src/receivers/${file}`, import.meta.url), 'utf8'));
  }
});
