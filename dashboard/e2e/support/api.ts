// The public API as a publisher's program uses it.

export interface Row {
  id: string;
  status: string;
  attempts: number;
}

export class Api {
  constructor(
    private readonly origin: string,
    private readonly key: string,
  ) {}

  // biome-ignore lint/suspicious/noExplicitAny: tests know what they asked for
  async call(method: string, path: string, body?: unknown): Promise<any> {
    const response = await fetch(`${this.origin}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${this.key}`, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }

  async webhook(store: string, url: string, more: object = {}): Promise<string> {
    const made = await this.call('POST', `/stores/${store}/webhooks`, { url, events: ['*'], ...more });
    return made.id;
  }

  async publish(
    store: string,
    object_id: string,
    type = 'order.created',
    payload: object = { id: object_id },
  ) {
    return this.call('POST', `/stores/${store}/events`, { type, object_id, payload });
  }

  async rows(store: string): Promise<Row[]> {
    return (await this.call('GET', `/stores/${store}/deliveries?limit=200`)).data;
  }

  /** Until each row has had its first attempt, or has none to wait for. */
  async settled(store: string, count: number): Promise<Row[]> {
    for (let left = 100; ; left -= 1) {
      const rows = await this.rows(store);
      const isDone = rows.length >= count && rows.every((row) => row.status !== 'pending');
      if (isDone) return rows;
      if (left === 0) throw new Error(`deliveries did not settle: ${JSON.stringify(rows)}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
