// A server for tests and measurements: a fresh database, certificates of its own, one administrator, one key.
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const READY_MS_MAX = 30_000;

const freePort = () =>
  new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });

/** What is passed on of the program's own variables: with both, the data is in PostgreSQL. */
const PASSED_ON = ['BOCAU_DATABASE_URL', 'BOCAU_MASTER_KEY'];

/** Starts `program`; `told` are the variables that tests read, `stop` ends it and clears up. */
export async function startServer(program) {
  const work = mkdtempSync(join(tmpdir(), 'bocau-e2e-'));
  const certificates = join(work, 'certificates');
  const make = new URL('make-certificates.sh', import.meta.url).pathname;
  execFileSync('sh', [make, certificates]);

  const listen = `127.0.0.1:${await freePort()}`;
  const told = {
    BOCAU_URL: `http://${listen}`,
    BOCAU_API_KEY: `bck_${randomBytes(32).toString('base64url')}`,
    BOCAU_EMAIL: 'admin@e2e.example',
    BOCAU_PASSWORD: randomBytes(18).toString('base64url'),
    BOCAU_TEST_CERTIFICATES: certificates,
  };
  // The program refuses variables of its name that it does not know, so it gets its own and no others.
  const others = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('BOCAU_') || PASSED_ON.includes(name),
  );
  const env = {
    ...Object.fromEntries(others),
    BOCAU_LISTEN: listen,
    BOCAU_DATA_DIR: join(work, 'data'),
    BOCAU_BOOTSTRAP_API_KEY: told.BOCAU_API_KEY,
    BOCAU_EGRESS_ALLOW: '127.0.0.0/8',
    BOCAU_EGRESS_CA_FILE: join(certificates, 'ca.pem'),
    BOCAU_LOG: 'warn',
  };
  const user = ['user', 'create', '--email', told.BOCAU_EMAIL, '--role', 'admin', '--password-stdin'];
  execFileSync(program, user, { input: told.BOCAU_PASSWORD, env, stdio: ['pipe', 'ignore', 'inherit'] });

  const server = spawn(program, ['serve'], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise((resolve) => server.once('exit', resolve));
  const stop = async () => {
    server.kill('SIGTERM');
    await ended;
    rmSync(work, { recursive: true, force: true });
  };
  const isReady = () =>
    fetch(`${told.BOCAU_URL}/readyz`).then(
      (answer) => answer.ok,
      () => false,
    );
  for (const end = Date.now() + READY_MS_MAX; !(await isReady()); ) {
    if (Date.now() > end || server.exitCode !== null) {
      await stop();
      throw new Error('the server did not become ready');
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { told, stop };
}
