// How long the report's requests take over HTTP: each filter, the first page and page 200, the count and the overview.
const REQUESTS = 40;
const PAGE = 50;
const FAR_PAGE = 200;

const ms = (value) => `${value.toFixed(1)} ms`;

export async function measureLists({ url, key, call, store }) {
  const at = (path) => `${url}/api/v1/stores/${store}${path}`;
  const ask = async (path) => {
    const began = performance.now();
    const response = await fetch(at(path), { headers: { authorization: `Bearer ${key}` } });
    const text = await response.text();
    const took = performance.now() - began;
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
    return { took, body: text };
  };
  const measure = async (name, path) => {
    const { body } = await ask(path);
    const times = [];
    for (let left = REQUESTS; left > 0; left -= 1) times.push((await ask(path)).took);
    times.sort((a, b) => a - b);
    const rank = (part) => times[Math.min(REQUESTS - 1, Math.floor(REQUESTS * part))];
    const { data, total } = JSON.parse(body);
    return {
      request: name,
      rows: data?.length ?? total ?? '',
      median: ms(rank(0.5)),
      p95: ms(rank(0.95)),
      longest: ms(times[REQUESTS - 1]),
    };
  };

  const webhooks = (await call('GET', `/stores/${store}/webhooks`)).data;
  const of = (end) => webhooks.find((webhook) => webhook.url.endsWith(end))?.id ?? webhooks[0].id;
  const newest = (await call('GET', `/stores/${store}/deliveries?limit=1`)).data[0];
  const far = async (filter) => {
    let cursor = '';
    let page = 1;
    let middle;
    for (; page < FAR_PAGE; page += 1) {
      const next = await call('GET', `/stores/${store}/deliveries?limit=${PAGE}${filter}${cursor}`);
      if (page === FAR_PAGE / 2) middle = next.data[0]?.created_at;
      if (!next.next_cursor) break;
      cursor = `&cursor=${encodeURIComponent(next.next_cursor)}`;
    }
    return { cursor, page, middle };
  };

  const { middle } = await far('');
  const since = (minutes) =>
    encodeURIComponent(new Date(Date.parse(newest.created_at) - minutes * 60_000).toISOString());
  const range = middle ? `&from=${since(60)}&to=${encodeURIComponent(middle)}` : `&from=${since(60)}`;
  const filters = [
    ['everything', ''],
    ['type order.created', '&type=order.created'],
    ['type product.deleted (1 in 100)', '&type=product.deleted'],
    ['group order.*', '&type=order.*'],
    ...['pending', 'retrying', 'succeeded', 'failed', 'skipped'].map((s) => [`status ${s}`, `&status=${s}`]),
    ['object', '&object_id=208007'],
    ['object, no match', '&object_id=none'],
    ['webhook (8 in 10)', `&webhook_id=${of('/ok')}`],
    ['webhook (3 in 100)', `&webhook_id=${of('/500')}`],
    ['date range', range],
    ['order.*, succeeded, webhook, range', `&type=order.*&status=succeeded&webhook_id=${of('/ok')}${range}`],
    ['order.*, failed, no match', '&type=order.*&status=failed'],
    ['object, succeeded, range', `&object_id=208007&status=succeeded${range}`],
  ];
  const table = [];
  for (const [name, filter] of filters) {
    table.push(await measure(name, `/deliveries?limit=${PAGE}${filter}`));
    const { cursor, page } = await far(filter);
    if (page > 1) table.push(await measure(`  page ${page}`, `/deliveries?limit=${PAGE}${filter}${cursor}`));
    table.push(await measure('  count', `/deliveries/count?${filter.slice(1)}`));
  }
  table.push(await measure('overview, 24 hours', '/overview?hours=24'));
  table.push(await measure('overview, 7 days', '/overview?hours=168'));
  console.table(table);
}
