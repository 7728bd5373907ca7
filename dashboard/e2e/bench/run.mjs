// Measures the report in a store with 100,000 deliveries: requests over HTTP, then frames in Chromium.
//
//   BOCAU_BIN=target/release/bocau node dashboard/e2e/bench/run.mjs [--deliveries 100000] [--only lists|scroll]
//   (with BOCAU_DATABASE_URL and BOCAU_MASTER_KEY: on PostgreSQL, in an empty database)
//   node dashboard/e2e/bench/run.mjs --url http://127.0.0.1:8080 --key bck_… [--store ID]
//
// With --url it uses a server that runs, on whichever database; without --store it fills a store of its own there, for
// which that server must reach 127.0.0.1 and trust the ca.pem in the directory BOCAU_TEST_CERTIFICATES.
import { parseArgs } from 'node:util';
import { startServer } from '../support/server.mjs';
import { fill } from './fill.mjs';
import { measureLists } from './lists.mjs';
import { measureScrolling } from './scroll.mjs';

const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    key: { type: 'string' },
    store: { type: 'string' },
    deliveries: { type: 'string', default: '100000' },
    only: { type: 'string' },
  },
});

async function measure(url, key, certificates) {
  const call = async (method, path, body) => {
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : null;
  };
  const store = values.store ?? (await fill(call, Number(values.deliveries), certificates));
  console.log(`store ${store}`);
  if (values.only !== 'scroll') await measureLists({ url, key, call, store });
  if (values.only !== 'lists') await measureScrolling({ url, call, store });
}

if (values.url) {
  await measure(values.url.replace(/\/$/, ''), values.key, process.env.BOCAU_TEST_CERTIFICATES);
} else if (process.env.BOCAU_BIN) {
  const server = await startServer(process.env.BOCAU_BIN);
  try {
    const { BOCAU_URL, BOCAU_API_KEY, BOCAU_TEST_CERTIFICATES } = server.told;
    await measure(BOCAU_URL, BOCAU_API_KEY, BOCAU_TEST_CERTIFICATES);
  } finally {
    await server.stop();
  }
} else {
  console.error('Set BOCAU_BIN to the program, or give --url and --key of a server that runs.');
  process.exit(2);
}
