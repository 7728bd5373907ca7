// Verifies what the program signs with the libraries that receivers use: `standardwebhooks` of npm here, of PyPI in
// verify.py (BOCAU_PYTHON names a Python that has it; the Rust one verifies in `crates/app/tests/e2e/delivery.rs`).
//
//   BOCAU_BIN=target/debug/bocau BOCAU_PYTHON=target/venv/bin/python node dashboard/e2e/signatures/run.mjs
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join, resolve } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { startServer } from '../support/server.mjs';
import { forgeries } from './forgeries.mjs';

const WAIT_MS_MAX = 20_000;
/** Bytes that a library may only take as they are: white space, escapes, letters of more than one byte. */
const PAYLOADS = [
  '{}',
  '{ "id" : 1 }',
  '{"name":"Phở Bò — Điểm bán số 1","note":"\\u0041\\/ \u{1F426}"}',
  '{\n\t"price": 12345678901234567890.10\n}\r\n',
  JSON.stringify({ long: 'x'.repeat(100_000) }),
];

if (!process.env.BOCAU_BIN || !process.env.BOCAU_PYTHON) {
  console.error(
    'Set BOCAU_BIN to the program, and BOCAU_PYTHON to a Python with the package standardwebhooks.',
  );
  process.exit(2);
}

/** An https receiver that keeps what comes, byte for byte. */
async function startReceiver(certificates) {
  const read = (name) => readFileSync(join(certificates, name));
  const requests = [];
  const receiver = createServer(
    { key: read('good.key'), cert: read('good.pem') },
    async (request, response) => {
      const parts = [];
      for await (const part of request) parts.push(part);
      requests.push({ headers: request.headers, body: Buffer.concat(parts).toString('utf8') });
      response.end('OK');
    },
  );
  await new Promise((ready) => receiver.listen(0, '127.0.0.1', ready));
  return { requests, port: receiver.address().port, close: () => receiver.close() };
}

async function until(what, isSo) {
  for (const end = Date.now() + WAIT_MS_MAX; !isSo(); ) {
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((next) => setTimeout(next, 50));
  }
}

/** Sends every payload before and after the secret was rotated; answers what came, with the secrets. */
async function collect(url, key, receiver) {
  const call = async (method, path, body) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const response = await fetch(`${url}/api/v1${path}`, { method, headers, body });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : null;
  };
  await call('POST', '/stores', '{"id":"552","name":"A"}');
  const target = `https://127.0.0.1:${receiver.port}/hook`;
  const webhook = await call('POST', '/stores/552/webhooks', JSON.stringify({ url: target, events: ['*'] }));
  const publish = async () => {
    for (const payload of PAYLOADS) {
      const event = `{"type":"order.created","object_id":"1","payload":${payload}}`;
      await call('POST', '/stores/552/events', event);
    }
  };
  await publish();
  await until('the first requests', () => receiver.requests.length === PAYLOADS.length);
  const rotated = await call('POST', `/stores/552/webhooks/${webhook.id}/secret/rotate`, '{}');
  await publish();
  await until('the requests after the rotation', () => receiver.requests.length === 2 * PAYLOADS.length);
  return receiver.requests.map((request, place) => ({
    ...request,
    // After the rotation either secret verifies.
    secrets: place < PAYLOADS.length ? [webhook.secret] : [webhook.secret, rotated.secret],
    others: place < PAYLOADS.length ? [rotated.secret] : [],
  }));
}

function verifies(secret, { headers, body }) {
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch (error) {
    if (error.constructor.name !== 'WebhookVerificationError') throw error;
    return false;
  }
}

/** What each secret has to say of each request, for every library. */
function casesOf(requests) {
  const sent = (body) => PAYLOADS.some((payload) => payload.trim() === body || payload === body);
  return requests.flatMap((request) => {
    if (!sent(request.body))
      throw new Error(`not the bytes that were published: ${request.body.slice(0, 200)}`);
    const { headers, body } = request;
    const good = request.secrets.map((secret) => ({ what: 'as sent', secret, headers, body, isGood: true }));
    const bad = [
      ...request.others.map((secret) => ({ what: 'another secret', secret, headers, body, isGood: false })),
      ...forgeries(request).map((forged) => ({ ...forged, secret: request.secrets[0], isGood: false })),
    ];
    return [...good, ...bad];
  });
}

const server = await startServer(resolve(process.env.BOCAU_BIN));
const receiver = await startReceiver(server.told.BOCAU_TEST_CERTIFICATES);
try {
  const requests = await collect(server.told.BOCAU_URL, server.told.BOCAU_API_KEY, receiver);
  const cases = casesOf(requests);
  const wrong = cases.filter((one) => verifies(one.secret, one) !== one.isGood);
  if (wrong.length > 0) throw new Error(`npm: ${wrong.map((one) => one.what).join(', ')}`);
  console.log(`npm standardwebhooks: ${cases.length} cases as expected`);
  const script = new URL('verify.py', import.meta.url).pathname;
  execFileSync(process.env.BOCAU_PYTHON, [script], {
    input: JSON.stringify(cases),
    stdio: ['pipe', 'inherit', 'inherit'],
  });
} finally {
  receiver.close();
  await server.stop();
}
