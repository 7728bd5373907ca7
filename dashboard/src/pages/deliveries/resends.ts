// The resends that somebody waits for, and when the result of each is in.
import type { Delivery } from '../../api/types';

interface Waiting {
  /** Attempts before it, as the server's answer says; a row of the page may be older than that. */
  attempts: number | null;
  /** The newest that was heard of the row before the answer came. */
  heard: Delivery | null;
}

export class Resends {
  readonly #waiting = new Map<string, Waiting>();

  begin(id: string) {
    this.#waiting.set(id, { attempts: null, heard: null });
  }

  has(id: string): boolean {
    return this.#waiting.has(id);
  }

  ids(): Set<string> {
    return new Set(this.#waiting.keys());
  }

  forget(id: string) {
    this.#waiting.delete(id);
  }

  /** The server took it; answers the row where its result is in already. */
  answered(answer: Delivery): Delivery | null {
    const waiting = this.#waiting.get(answer.id);
    if (!waiting) return null;
    waiting.attempts = answer.attempts;
    return waiting.heard && this.heard(waiting.heard);
  }

  /** A row is as it is now; answers it where the result of its resend is in. */
  heard(row: Delivery): Delivery | null {
    const waiting = this.#waiting.get(row.id);
    if (!waiting) return null;
    if (waiting.attempts === null) {
      waiting.heard = row;
      return null;
    }
    return row.attempts > waiting.attempts ? row : null;
  }
}
