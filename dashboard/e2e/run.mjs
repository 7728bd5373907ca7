// Starts a server with a fresh database and what it needs, runs the browser tests, stops it. `BOCAU_BIN` names the
// program; with `BOCAU_URL` set, tests run against that server instead (then also BOCAU_API_KEY, a platform key,
// BOCAU_EMAIL, BOCAU_PASSWORD and BOCAU_TEST_CERTIFICATES, whose ca.pem it trusts, are needed).
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = new URL('..', import.meta.url).pathname;
const playwright = () =>
  spawnSync(join(root, 'node_modules/.bin/playwright'), ['test', ...process.argv.slice(2)], {
    cwd: root,
    stdio: 'inherit',
  }).status ?? 1;

if (process.env.BOCAU_URL) process.exit(playwright());

const program = process.env.BOCAU_BIN;
if (!program) {
  console.error('Set BOCAU_BIN to the program, or BOCAU_URL to a server that runs.');
  process.exit(2);
}

const freePort = () =>
  new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });

const work = mkdtempSync(join(tmpdir(), 'bocau-e2e-'));
const certificates = join(work, 'certificates');
execFileSync('sh', [join(root, 'e2e/support/make-certificates.sh'), certificates]);

const listen = `127.0.0.1:${await freePort()}`;
const key = `bck_${randomBytes(32).toString('base64url')}`;
const password = randomBytes(18).toString('base64url');
Object.assign(process.env, {
  BOCAU_URL: `http://${listen}`,
  BOCAU_API_KEY: key,
  BOCAU_EMAIL: 'admin@e2e.example',
  BOCAU_PASSWORD: password,
  BOCAU_TEST_CERTIFICATES: certificates,
});

// The program refuses variables of its name that it does not know, so it gets its own and no others.
const others = Object.entries(process.env).filter(([name]) => !name.startsWith('BOCAU_'));
const env = {
  ...Object.fromEntries(others),
  BOCAU_LISTEN: listen,
  BOCAU_DATA_DIR: join(work, 'data'),
  BOCAU_BOOTSTRAP_API_KEY: key,
  BOCAU_EGRESS_ALLOW: '127.0.0.0/8',
  BOCAU_EGRESS_CA_FILE: join(certificates, 'ca.pem'),
};
const user = ['user', 'create', '--email', process.env.BOCAU_EMAIL, '--role', 'admin', '--password-stdin'];
execFileSync(program, user, { input: password, env, stdio: ['pipe', 'inherit', 'inherit'] });

const server = spawn(program, ['serve'], { env, stdio: ['ignore', 'ignore', 'inherit'] });
let status = 1;
try {
  const isReady = () =>
    fetch(`${process.env.BOCAU_URL}/readyz`).then(
      (answer) => answer.ok,
      () => false,
    );
  for (let left = 300; !(await isReady()); left -= 1) {
    if (left === 0 || server.exitCode !== null) throw new Error('the server did not become ready');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  status = playwright();
} finally {
  server.kill('SIGTERM');
  rmSync(work, { recursive: true, force: true });
}
process.exit(status);
