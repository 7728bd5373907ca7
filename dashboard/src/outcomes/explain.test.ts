import { expect, test } from 'vitest';
import type { Attempt, Delivery, FailingWebhook } from '../api/types';
import { explainAttempt, explainDelivery, explainFailing } from './explain';

const attempt = (over: Partial<Attempt>): Attempt => ({
  number: 1,
  trigger: 'auto',
  started_at: '2026-11-24T03:00:00Z',
  duration_ms: 5,
  outcome: 'http_error',
  status_code: null,
  error: null,
  request_headers: [],
  response_headers: [],
  response_body: '',
  response_truncated: false,
  ...over,
});

test.each([
  ['the certificate has expired: renew it', 'tls_expired'],
  ["the certificate is not for this name: use one that names the URL's host", 'tls_name'],
  ['the certificate is not from a trusted authority: use one of a public authority', 'tls_issuer'],
  ["the certificate is not valid yet: check its dates and the server's clock", 'tls_not_yet'],
  ['invalid peer certificate: certificate expired: verified at time 1795491151', 'tls_expired'],
  ['invalid peer certificate: certificate not valid for name "a.vn"', 'tls_name'],
  ['invalid peer certificate: UnknownIssuer', 'tls_issuer'],
  ['invalid peer certificate: NotValidYet', 'tls_not_yet'],
  ['received fatal alert: HandshakeFailure', 'tls'],
])('a certificate error is named: %s', (error, key) => {
  expect(explainAttempt(attempt({ outcome: 'tls_error', error })).key).toBe(key);
});

test('an HTML page that asks for a password is a sign-in page', () => {
  const response_body = '<!DOCTYPE html><form><input type="password"></form>';
  expect(explainAttempt(attempt({ status_code: 403, response_body })).key).toBe('login_page');
});

test('a redirect to a sign-in page is told apart from another redirect', () => {
  const to = (value: string) => [{ key: 'Location', value }];
  expect(explainAttempt(attempt({ status_code: 302, response_headers: to('/login?next=/') })).key).toBe(
    'redirect_login',
  );
  expect(explainAttempt(attempt({ status_code: 301, response_headers: to('https://www.a.vn/') })).key).toBe(
    'redirect',
  );
});

test('a rejection says which status the body had', () => {
  const error = 'HTTP 200, but the body says status 500';
  const explained = explainAttempt(attempt({ outcome: 'rejected', status_code: 200, error }));
  expect(explained).toMatchObject({ key: 'rejected', status: 200, bodyStatus: 500, isGood: false });
});

const row = (over: Partial<Delivery>) =>
  ({ last_status_code: null, last_error: null, last_outcome: null, ...over }) as Delivery;

test.each([
  [{ last_outcome: 'success', last_status_code: 200 }, 'success'],
  [{ last_outcome: 'http_error', last_status_code: 500, last_error: 'HTTP 500' }, 'http_500'],
  [{ last_outcome: 'rejected', last_status_code: 200, last_error: 'the body says status 500' }, 'rejected'],
  [{ last_outcome: 'timeout', last_error: 'no complete answer within 10 s' }, 'timeout'],
  [{ last_outcome: 'dns_error', last_error: 'name look-up of a.vn failed: no record' }, 'dns'],
  [{ last_outcome: 'connect_error', last_error: 'Connection refused (os error 111)' }, 'connect_refused'],
  [{ last_outcome: 'blocked', last_error: '10.0.0.1 is refused: private_address' }, 'blocked'],
  [
    { last_outcome: 'blocked', last_error: 'the webhook’s header “shop-event”: one that Bồ Câu sets' },
    'blocked_header',
  ],
  [{ last_outcome: 'tls_error', last_error: 'invalid peer certificate: Expired' }, 'tls_expired'],
  [{ last_outcome: 'protocol_error', last_status_code: 200, last_error: 'the answer broke off' }, 'protocol'],
  [{ last_outcome: 'interrupted', last_status_code: 500, last_error: 'the server stopped' }, 'interrupted'],
] as [Partial<Delivery>, string][])(
  'a row of the report is explained by its last outcome: %o',
  (over, key) => {
    expect(explainDelivery(row(over))?.key).toBe(key);
    expect(explainFailing(row(over) as unknown as FailingWebhook).key).toBe(key);
  },
);

test('an outcome is what the server says, whatever words the error has', () => {
  const last_error = 'no complete answer within 10 s: look-up of certificate.vn is refused, interrupted';
  expect(explainDelivery(row({ last_outcome: 'protocol_error', last_error }))?.key).toBe('protocol');
  expect(explainDelivery(row({ last_outcome: 'timeout', last_error: 'words of a later version' }))?.key).toBe(
    'timeout',
  );
});

test('what the server does not know is not guessed', () => {
  const old = row({ last_error: 'no complete answer within 10 s' });
  expect(explainDelivery(old)).toBeNull();
  expect(explainFailing(old as unknown as FailingWebhook).key).toBe('unknown');
});

test('a row without an attempt has nothing to explain', () => {
  expect(explainDelivery(row({}))).toBeNull();
});
