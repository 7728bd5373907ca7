// Runs schemathesis (PyPI) against the server's own OpenAPI document: no answer of 500, and none with a status, type
// or body that the document does not tell of. The server has a store with something of everything, so that requests
// get past “not found”. BOCAU_SCHEMATHESIS names the program; arguments are passed on to it.
//
//   BOCAU_BIN=target/debug/bocau BOCAU_SCHEMATHESIS=target/venv/bin/schemathesis node dashboard/e2e/contract/run.mjs
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { startServer } from '../support/server.mjs';

const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
];
/** The stream of changes has no end to wait for. */
const ENDLESS = '/live$';

if (!process.env.BOCAU_BIN || !process.env.BOCAU_SCHEMATHESIS) {
  console.error('Set BOCAU_BIN to the program, and BOCAU_SCHEMATHESIS to schemathesis.');
  process.exit(2);
}

/** Something of everything, and the ids of it: by the word of the path that they stand after. */
async function fill(url, key) {
  const call = async (method, path, body) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers,
      body: typeof body === 'string' ? body : body && JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : null;
  };
  await call('POST', '/stores', { id: '552', name: 'A' });
  // Nobody listens there: the attempts fail at once.
  const target = { url: 'https://127.0.0.1:1/hook', events: ['*'], max_attempts: 1 };
  const webhook = await call('POST', '/stores/552/webhooks', target);
  const event = { type: 'order.created', object_id: '208610', payload: { id: 1, tel: '0989898990' } };
  const published = await call('POST', '/stores/552/events', event);
  const found = await call('GET', `/stores/552/events/${published.id}`);
  // Half of a surrogate pair is no text, and JSON may have it in a name.
  const oddEvent = `{"type": "order.created", "object_id": "1", "payload": {"\\ud800": "0989898990"}}`;
  const odd = await call('POST', '/stores/552/events', oddEvent);
  const key_ = await call('POST', '/stores/552/keys', { name: 'a', scopes: ['read'] });
  const inbox = await call('POST', '/stores/552/inboxes', {});
  const job = await call('POST', '/stores/552/resends', { object_id: '208610' });
  const reader = await call('POST', '/stores/552/keys', { name: 'reader', scopes: ['read'] });
  const ids = {
    webhooks: webhook.id,
    events: published.id,
    deliveries: found.deliveries[0].id,
    keys: key_.id,
    inboxes: inbox.id,
    resends: job.id,
  };
  return { ids, odd: odd.id, reader: reader.key };
}

/** Most requests go to what is there, some to whatever schemathesis makes up (the second run). */
function configuration(ids) {
  const operations = Object.entries(ids).map(
    ([word, id]) =>
      `[[operations]]\ninclude-path-regex = "/stores/\\\\{store\\\\}/${word}/\\\\{id\\\\}"\n` +
      `parameters = { "path.store" = "552", "path.id" = "${id}" }\n`,
  );
  return `[parameters]\n"path.store" = "552"\n"path.group" = "order"\n\n${operations.join('\n')}`;
}

function check(told, file, key = told.BOCAU_API_KEY) {
  const arguments_ = [
    ...['--config-file', file, 'run', `${told.BOCAU_URL}/api/v1/openapi.json`, '--url', told.BOCAU_URL],
    ...['--header', `Authorization: Bearer ${key}`, '--exclude-path-regex', ENDLESS],
    ...['--phases', 'examples,coverage,fuzzing', '--checks', CHECKS.join(','), '--generation-deterministic'],
    ...['--max-examples', '20', '--request-timeout', '20', '--suppress-health-check', 'all'],
    ...process.argv.slice(2),
  ];
  const ran = spawnSync(process.env.BOCAU_SCHEMATHESIS, arguments_, { encoding: 'utf8', maxBuffer: 2 ** 28 });
  const summary = ran.stdout?.split('\n').filter((line) => /\d generated/.test(line));
  if (ran.status !== 0) console.error(ran.stdout, ran.stderr, ran.error ?? '');
  console.log(summary?.map((line) => line.trim()).join(', '));
  return ran.status ?? 1;
}

const work = mkdtempSync(join(tmpdir(), 'bocau-contract-'));
const server = await startServer(resolve(process.env.BOCAU_BIN));
let status = 1;
try {
  const { BOCAU_URL, BOCAU_API_KEY } = server.told;
  const { ids, odd, reader } = await fill(BOCAU_URL, BOCAU_API_KEY);
  const [named, read, free] = ['named.toml', 'read.toml', 'free.toml'].map((name) => join(work, name));
  writeFileSync(named, configuration(ids));
  writeFileSync(read, configuration({ ...ids, events: odd }));
  writeFileSync(free, '');
  // Who may only read goes first: the others delete what is there.
  status = check(server.told, read, reader) || check(server.told, named) || check(server.told, free);
} finally {
  await server.stop();
  rmSync(work, { recursive: true, force: true });
}
process.exit(status);
