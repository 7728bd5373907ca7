// A portal link in a frame of the platform's own admin: a server of its own, with https cookies and one origin that may.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Browser, Page } from '@playwright/test';
import { Api } from './support/api';
import { email, expect, password, test } from './support/test';

const STORE = '552';
const program = process.env.BOCAU_BIN ?? '';

let work: string;
let server: ChildProcess;
let url: string;
let api: Api;
let admins: Server[];
/** An origin that the server lists, and one that it does not. */
let listed: string;
let other: string;

test.describe.configure({ mode: 'serial' });
test.skip(program === '', 'needs the program, for a server with a configuration of its own');

/** Somebody's page with the address behind `?` in a frame. */
async function startAdmin(): Promise<[Server, string]> {
  const admin = createServer((request, response) => {
    const shown = decodeURIComponent(new URL(request.url ?? '/', 'http://admin').search.slice(1));
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(
      `<!doctype html><title>Admin</title><iframe src="${shown}" width="1200" height="760"></iframe>`,
    );
  });
  await new Promise<void>((resolve) => admin.listen(0, '127.0.0.1', resolve));
  // By name: the server has the address, so that to a browser this is another site.
  return [admin, `http://localhost:${(admin.address() as AddressInfo).port}`];
}

test.beforeAll(async () => {
  const [first, second] = [await startAdmin(), await startAdmin()];
  admins = [first[0], second[0]];
  [listed, other] = [first[1], second[1]];
  work = mkdtempSync(join(tmpdir(), 'bocau-portal-'));
  const key = process.env.BOCAU_API_KEY ?? '';
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('BOCAU_'));
  const env = {
    ...Object.fromEntries(others),
    BOCAU_LISTEN: '127.0.0.1:0',
    BOCAU_DATA_DIR: join(work, 'data'),
    BOCAU_BOOTSTRAP_API_KEY: key,
    BOCAU_SECURE_COOKIES: 'true',
    BOCAU_PORTAL_ORIGINS: listed,
  };
  const user = ['user', 'create', '--email', email, '--role', 'admin', '--password-stdin'];
  execFileSync(program, user, { input: password, env, stdio: ['pipe', 'ignore', 'ignore'] });
  server = spawn(program, ['serve'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  if (!server.stdout) throw new Error('standard output is piped');
  for await (const line of createInterface(server.stdout)) {
    const at = line.indexOf('listens on ');
    if (at < 0) continue;
    url = line.slice(at + 'listens on '.length).trim();
    break;
  }
  api = new Api(url, key);
  await api.call('POST', '/stores', { id: STORE, name: 'Cửa hàng 552' });
});

test.afterAll(async () => {
  server?.kill('SIGTERM');
  for (const admin of admins ?? []) admin.close();
  rmSync(work, { recursive: true, force: true });
});

async function link(): Promise<string> {
  const made = await api.call('POST', `/stores/${STORE}/portal-links`, { valid_minutes: 5 });
  return `${url}/portal${new URL(made.url).hash}`;
}

/** A browser at `admin` with `shown` in the frame, and what it says in its console. */
async function embed(browser: Browser, admin: string, shown: string) {
  const context = await browser.newContext({ baseURL: url });
  const page = await context.newPage();
  const said: string[] = [];
  page.on('console', (message) => said.push(message.text()));
  await page.goto(`${admin}/?${encodeURIComponent(shown)}`);
  return { page, frame: page.frameLocator('iframe'), said };
}

const place = (page: Page) => page.frames().at(-1)?.url() ?? '';

test('a listed site shows the pages of a link, which work there', async ({ browser, T, language }) => {
  const { page, frame } = await embed(browser, listed, await link());
  await expect(frame.getByRole('heading', { level: 1 })).toBeVisible();
  await expect.poll(() => place(page)).toBe(`${url}/stores/${STORE}/overview`);
  // A page in a frame begins in Vietnamese.
  if (language === 'en') await frame.getByRole('button', { name: 'English' }).click();
  const cookies = await page.context().cookies(url);
  expect(cookies.map(({ name, sameSite, secure }) => [name, sameSite, secure])).toEqual([
    ['bocau_portal', 'None', true],
  ]);
  // Something that changes the store: the cookie comes along, and the request counts as one of our own page.
  const before = (await api.call('GET', `/stores/${STORE}/inboxes`)).data.length;
  await frame.getByRole('link', { name: T.shell.nav.inbox, exact: true }).click();
  await frame.getByRole('button', { name: T.inbox.create }).first().click();
  await expect
    .poll(async () => (await api.call('GET', `/stores/${STORE}/inboxes`)).data.length)
    .toBe(before + 1);
  // Loaded anew inside the frame, it is there still.
  await page.frames().at(-1)?.goto(`${url}/stores/${STORE}/webhooks`);
  await expect(frame.getByRole('heading', { level: 1 })).toHaveText(/^(Cấu hình webhook|Webhooks?)$/);
  expect(place(page)).toBe(`${url}/stores/${STORE}/webhooks`);
  await page.context().close();
});

test('a site that is not listed sees nothing of them', async ({ browser }) => {
  const { page, frame, said } = await embed(browser, other, await link());
  await expect.poll(() => said.some((line) => /frame-ancestors/.test(line))).toBe(true);
  await expect(frame.getByRole('heading')).toHaveCount(0);
  expect(await page.context().cookies(url)).toEqual([]);
  await page.context().close();
});

test('other pages are in no frame, of a listed site neither', async ({ browser }) => {
  const { page, frame, said } = await embed(browser, listed, `${url}/sign-in`);
  await expect.poll(() => said.some((line) => /frame-ancestors/.test(line))).toBe(true);
  await expect(frame.getByRole('heading')).toHaveCount(0);
  await page.context().close();
});

test('a link that is opened in a tab acts for its store alone, whoever is signed in beside it', async ({
  browser,
  T,
  language,
}) => {
  const context = await browser.newContext({ baseURL: url });
  const page = await context.newPage();
  await page.addInitScript((chosen) => localStorage.setItem('bocau.language', chosen), language);
  await page.goto('/sign-in');
  await page.getByLabel(T.signIn.email, { exact: true }).fill(email);
  await page.getByLabel(T.signIn.password, { exact: true }).fill(password);
  await page.getByRole('button', { name: T.signIn.submit }).click();
  await expect(page).toHaveURL(/\/overview$/);
  await page.goto(await link());
  await expect(page).toHaveURL(`${url}/stores/${STORE}/overview`);
  for (const isAgain of [false, true]) {
    if (isAgain) await page.reload();
    await page.getByRole('button', { name: T.shell.account }).click();
    await expect(page.getByText(T.shell.portal, { exact: true })).toBeVisible();
    await page.keyboard.press('Escape');
  }
  const beside = await context.newPage();
  await beside.goto('/');
  await beside.getByRole('button', { name: T.shell.account }).click();
  await expect(beside.getByText(email, { exact: true })).toBeVisible();
  await context.close();
});
