// Starts a server with a fresh database and what it needs, runs the browser tests, stops it. `BOCAU_BIN` names the
// program; with `BOCAU_URL` set, tests run against that server instead (then also BOCAU_API_KEY, a platform key,
// BOCAU_EMAIL, BOCAU_PASSWORD and BOCAU_TEST_CERTIFICATES, whose ca.pem it trusts, are needed).
import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { startServer } from './support/server.mjs';

const root = new URL('..', import.meta.url).pathname;
const playwright = (told) =>
  spawnSync(join(root, 'node_modules/.bin/playwright'), ['test', ...process.argv.slice(2)], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...told },
  }).status ?? 1;

if (process.env.BOCAU_URL) process.exit(playwright({}));

if (!process.env.BOCAU_BIN) {
  console.error('Set BOCAU_BIN to the program, or BOCAU_URL to a server that runs.');
  process.exit(2);
}

// Tests run in another directory than this, and some start a server of their own.
process.env.BOCAU_BIN = resolve(process.env.BOCAU_BIN);
const server = await startServer(process.env.BOCAU_BIN);
let status = 1;
try {
  status = playwright(server.told);
} finally {
  await server.stop();
}
process.exit(status);
