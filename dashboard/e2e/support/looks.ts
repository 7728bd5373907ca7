// What holds for everything one sees: it has come to rest, nothing serious for axe, no wider than the screen.
import AxeBuilder from '@axe-core/playwright';
import { expect, type Page } from '@playwright/test';

/** Until nothing loads any more, and the page's own font is there. */
export async function settle(page: Page) {
  await expect(page.locator('.loading')).toHaveCount(0);
  await page.evaluate(() => document.fonts.ready);
}

/** Fails on what axe calls serious or critical, in the whole page or in a part of it. */
export async function audit(page: Page, part?: string) {
  const axe = new AxeBuilder({ page });
  const { violations } = await (part ? axe.include(part) : axe).analyze();
  const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  const told = grave.map(
    ({ id, nodes }) =>
      `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join(' | ')}`,
  );
  expect(told, page.url()).toEqual([]);
}

export async function expectNoSidewaysScrolling(page: Page) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(over, `${page.url()} is wider than the screen`).toBeLessThanOrEqual(0);
}

/** Keeps a picture in `screenshots/`. */
export async function shoot(page: Page, name: string, isWhole = true) {
  const path = `screenshots/${name.replace(/[/?=]/g, '-')}.png`;
  await page.screenshot({ path, fullPage: isWhole });
}
