// An answer that is an error (RFC 9457), as something that can be thrown and shown.

export interface FieldError {
  /** An RFC 6901 pointer into the body, or the name of a parameter or header. */
  pointer: string;
  detail: string;
}

interface ProblemBody {
  type?: string;
  title?: string;
  detail?: string;
  reason?: string;
  errors?: FieldError[];
}

export class ApiError extends Error {
  /** The status code; 0 where nothing was answered. */
  readonly status: number;
  /** The stable slug, such as `not-found`. */
  readonly type: string;
  readonly title: string;
  readonly detail: string;
  readonly fields: FieldError[];
  readonly retryAfterSeconds: number | null;

  constructor(status: number, body: ProblemBody, retryAfter: string | null = null) {
    super(body.detail ?? body.title ?? `HTTP ${status}`);
    this.status = status;
    this.type = body.type ?? (status === 0 ? 'unreachable' : 'unknown');
    this.title = body.title ?? '';
    this.detail = body.detail ?? '';
    this.fields = body.errors ?? [];
    const seconds = Number(retryAfter);
    this.retryAfterSeconds = retryAfter && Number.isFinite(seconds) ? seconds : null;
  }
}

/** `/headers/0/key` as a form names its fields: `['headers', 0, 'key']`. */
export function pointerToPath(pointer: string): (string | number)[] {
  if (!pointer.startsWith('/')) return [pointer];
  return pointer
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}
