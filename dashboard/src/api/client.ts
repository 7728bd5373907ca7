// The one door to the server: typed by its OpenAPI document, in the page's language, errors thrown.
import createClient, { type Middleware } from 'openapi-fetch';
import { currentLanguage } from '../i18n/language';
import { isPortal, PORTAL_HEADER } from './portal';
import { ApiError } from './problem';
import type { paths } from './schema';

type Listener = () => void;
const signedOutListeners = new Set<Listener>();

/** Calls back when an answer says that the session is over. */
export function onSignedOut(listener: Listener) {
  signedOutListeners.add(listener);
  return () => {
    signedOutListeners.delete(listener);
  };
}

const language: Middleware = {
  onRequest({ request }) {
    request.headers.set('Accept-Language', currentLanguage());
    if (isPortal()) request.headers.set(PORTAL_HEADER, '1');
    return request;
  },
  onResponse({ response, schemaPath }) {
    if (response.status === 401 && !schemaPath.startsWith('/api/v1/session')) {
      for (const listener of signedOutListeners) listener();
    }
  },
};

export const api = createClient<paths>({ baseUrl: window.location.origin, credentials: 'same-origin' });
api.use(language);

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The answer's body, or an [`ApiError`] thrown. */
export async function unwrap<T>(answer: Promise<Answer<T>>): Promise<NonNullable<T>> {
  const { data, error, response } = await answer.catch((cause: unknown) => {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new ApiError(0, {});
  });
  if (response.ok) return data as NonNullable<T>;
  throw problemOf(response, error);
}

export function problemOf(response: Response, body: unknown): ApiError {
  const fields = body !== null && typeof body === 'object' ? body : {};
  return new ApiError(response.status, fields, response.headers.get('retry-after'));
}
