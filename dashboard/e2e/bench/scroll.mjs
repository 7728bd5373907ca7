// How smoothly the report scrolls in Chromium: the time between two frames while one scrolls through its longest page
// and turns pages, in a quiet store and in one where events arrive.
import { existsSync } from 'node:fs';
import { chromium } from '@playwright/test';

const TURNS = 8;
const WHEELS = 60;
const EVENT_EACH_MS = 100;

const ms = (value) => `${value.toFixed(1)} ms`;

function row(name, times) {
  times.sort((a, b) => a - b);
  const rank = (part) => ms(times[Math.min(times.length - 1, Math.floor(times.length * part))]);
  return { what: name, frames: times.length, p50: rank(0.5), p95: rank(0.95), longest: rank(1) };
}

export async function measureScrolling({ url, call, store }) {
  const debian = '/usr/bin/chromium';
  const executablePath = process.env.CHROMIUM ?? (existsSync(debian) ? debian : undefined);
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  const page = await browser.newPage({ baseURL: url, viewport: { width: 1280, height: 800 } });
  // Its origin is the one that the server knows itself by, which need not be the one it is reached at.
  const link = new URL((await call('POST', `/stores/${store}/portal-links`, { valid_minutes: 60 })).url);
  await page.goto(link.pathname + link.hash);
  await page.waitForURL('**/overview');
  await page.goto(`/stores/${store}/deliveries?limit=100`);
  const rows = page.locator('main tbody tr');
  await rows.nth(99).waitFor();
  await page.evaluate(() => {
    window.frames_ms = [];
    let last = performance.now();
    const tick = (now) => {
      window.frames_ms.push(now - last);
      last = now;
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  });
  const frames = () => page.evaluate(() => window.frames_ms.splice(0));

  const scroll = async () => {
    await frames();
    await page.mouse.move(640, 500);
    for (let wheel = 0; wheel < WHEELS; wheel += 1) await page.mouse.wheel(0, 160);
    for (let wheel = 0; wheel < WHEELS; wheel += 1) await page.mouse.wheel(0, -160);
    return frames();
  };
  const table = [row('scrolling 100 rows', await scroll())];

  const next = page.getByRole('button', { name: 'Trang sau' });
  const turning = [];
  const waits = [];
  for (let turn = 1; turn <= TURNS; turn += 1) {
    await frames();
    const began = performance.now();
    await next.click();
    await page
      .locator('main tbody tr td:first-child')
      .getByText(String(turn * 100 + 1), { exact: true })
      .waitFor();
    waits.push(performance.now() - began);
    turning.push(...(await frames()));
  }
  table.push(row('turning pages of 100', turning));
  await page.getByRole('button', { name: 'Trang đầu' }).click();
  await rows.first().getByText('1', { exact: true }).waitFor();

  let number = 0;
  const arriving = setInterval(() => {
    number += 1;
    const event = { type: 'order.updated', object_id: `live-${number}`, payload: { number } };
    call('POST', `/stores/${store}/events`, event).catch((error) => console.error(error.message));
  }, EVENT_EACH_MS);
  table.push(row('scrolling, ten events a second arrive', await scroll()));
  clearInterval(arriving);
  console.table(table);
  waits.sort((a, b) => a - b);
  console.log(
    `from the click to the next 100 rows: median ${ms(waits[waits.length >> 1])}, longest ${ms(waits.at(-1))}`,
  );
  await browser.close();
}
