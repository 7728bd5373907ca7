// Runs each receiver that this machine can run, and tries it with right and forged requests. The signatures are
// made here by the document of Standard Webhooks, not by any code of the receivers.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';

const key = randomBytes(32);
const secret = `whsec_${key.toString('base64')}`;
const here = new URL('.', import.meta.url).pathname;

const receivers: { name: string; needs: string; start: (port: number) => [string, string[]] }[] = [
  { name: 'Node', needs: 'node', start: () => ['node', [`${here}node/webhook.mjs`]] },
  { name: 'Python', needs: 'python3', start: () => ['python3', [`${here}python/webhook.py`]] },
  { name: 'Java', needs: 'java', start: () => ['java', [`${here}java/Webhook.java`]] },
  {
    name: 'PHP',
    needs: 'php',
    start: (port) => ['php', ['-S', `127.0.0.1:${port}`, `${here}php/webhook.php`]],
  },
];

const isHere = (program: string) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

const sign = (id: string, timestamp: number, body: string, by = key) =>
  `v1,${createHmac('sha256', by).update(`${id}.${timestamp}.${body}`).digest('base64')}`;

const body = '{"id": "208610",\n "name": "Kẻ chân mày"}';
const now = () => Math.floor(Date.now() / 1000);

let running: ChildProcess | undefined;
afterEach(() => {
  running?.kill('SIGKILL');
});

describe.each(receivers)('the receiver in $name', ({ needs, start }) => {
  test.skipIf(!isHere(needs))('takes what is signed and nothing else', { timeout: 60_000 }, async () => {
    const port = await freePort();
    const [program, args] = start(port);
    running = spawn(program, args, {
      env: { ...process.env, BOCAU_WEBHOOK_SECRET: secret, PORT: String(port) },
      stdio: 'ignore',
    });
    const post = async (headers: Record<string, string>, sent = body) => {
      const request = { method: 'POST', body: sent, headers: { 'bocau-event': 'order.created', ...headers } };
      for (let left = 200; ; left -= 1) {
        try {
          const response = await fetch(`http://127.0.0.1:${port}/webhook`, request);
          return [response.status, ((await response.json()) as { status: number }).status];
        } catch (error) {
          // It has not started yet.
          if (left === 0) throw error;
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      }
    };
    const id = `evt_${randomUUID()}`;
    const headers = (at: number, signature: string, of = id) => ({
      'webhook-id': of,
      'webhook-timestamp': String(at),
      'webhook-signature': signature,
    });
    const at = now();

    expect(await post(headers(at, sign(id, at, body))), 'right').toEqual([200, 200]);
    expect(await post(headers(at, sign(id, at, body))), 'a repeat').toEqual([200, 200]);
    const old = sign(id, at, body, randomBytes(32));
    expect(await post(headers(at, `${old} ${sign(id, at, body)}`)), 'two keys').toEqual([200, 200]);

    expect(await post({}), 'nothing').toEqual([401, 401]);
    expect(await post(headers(at, old)), 'another key').toEqual([401, 401]);
    expect(await post(headers(at, sign(id, at, body)), `${body} `), 'another body').toEqual([401, 401]);
    expect(await post(headers(at, sign(id, at, body), 'evt_x')), 'another id').toEqual([401, 401]);
    const late = at - 3600;
    expect(await post(headers(late, sign(id, late, body))), 'an old one').toEqual([401, 401]);
    expect(await post(headers(at, sign(id, at, body).slice(3))), 'no version').toEqual([401, 401]);
  });
});
