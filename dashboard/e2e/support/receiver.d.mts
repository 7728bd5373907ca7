export interface Seen {
  path: string;
  headers: Record<string, string | undefined>;
  body: string;
}

export interface Receiver {
  url: string;
  seen: Seen[];
  close: () => Promise<void>;
}

export const HOSTILE: string;
export function startReceiver(
  certificates: string,
  options?: { port?: number; certificate?: 'good' | 'expired' | 'other'; slowMs?: number },
): Promise<Receiver>;
