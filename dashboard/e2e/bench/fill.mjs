// Fills a store by the public API, as a platform does: most deliveries succeed, some fail, wait or are skipped.
import { startReceiver } from '../support/receiver.mjs';

const BATCH = 500;
/** So many deliveries may wait before more are published. */
const WAITING_MAX = 5_000;
const OBJECTS = 1_000;

/** One event type for each of a hundred events, and the deliveries that each makes. */
const types = [
  ...Array(60).fill('order.created'),
  ...Array(18).fill('order.updated'),
  ...Array(15).fill('product.updated'),
  ...Array(3).fill('order.paid'),
  ...Array(3).fill('customer.created'),
  'product.deleted',
];
const DELIVERIES_PER_HUNDRED = 103;

export async function fill(call, deliveries, certificates) {
  const receiver = await startReceiver(certificates);
  const { id: store } = await call('POST', '/stores', { name: 'Cửa hàng đo' });
  const webhook = (path, events, more = {}) =>
    call('POST', `/stores/${store}/webhooks`, { url: `${receiver.url}${path}`, events, ...more });
  await webhook('/ok', ['order.*']);
  await webhook('/ok?kho', ['product.updated']);
  await webhook('/500', ['customer.created'], { max_attempts: 1 });
  await webhook('/500?cho', ['order.paid'], { retry_interval_seconds: 86_400 });

  const waiting = async () => (await call('GET', `/stores/${store}/deliveries/count?status=pending`)).total;
  const drain = async (most) => {
    while ((await waiting()) > most) await new Promise((resolve) => setTimeout(resolve, 200));
  };
  const began = Date.now();
  const events = Math.ceil((deliveries * 100) / DELIVERIES_PER_HUNDRED);
  for (let first = 0; first < events; first += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, events - first) }, (_, place) => {
      const number = first + place;
      const object_id = String(208_000 + ((number * 7) % OBJECTS));
      const payload = { id: object_id, total_value: '1790000', note: 'Giao giờ hành chính. '.repeat(40) };
      // 37 and 100 have no divisor in common, so that the types are mixed.
      return { type: types[(number * 37) % 100], object_id, payload };
    });
    await call('POST', `/stores/${store}/events/batch`, { events: batch });
    receiver.seen.length = 0;
    await drain(WAITING_MAX);
    if (first % 10_000 === 0) console.error(`${first} of ${events} events`);
  }
  await drain(0);
  await receiver.close();
  console.error(`filled in ${Math.round((Date.now() - began) / 1000)} s`);
  return store;
}
