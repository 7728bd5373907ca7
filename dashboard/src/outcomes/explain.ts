// From what the API says about an attempt to the text that says it in plain words: which text, with which
// numbers. Which kind of outcome it is, the server says; an error's words only narrow it down. Rows of the report know
// less than attempts do, so each step makes do with what there is.
import type { Attempt, AttemptOutcome, Delivery, FailingWebhook } from '../api/types';

export interface Explanation {
  /** A key below `outcomes` in the texts. */
  key: OutcomeKey;
  status?: number;
  bodyStatus?: number;
  isGood: boolean;
}

export type OutcomeKey =
  | 'success'
  | 'success_html'
  | 'rejected'
  | 'timeout'
  | 'dns'
  | 'connect'
  | 'connect_refused'
  | 'tls'
  | 'tls_expired'
  | 'tls_not_yet'
  | 'tls_name'
  | 'tls_issuer'
  | 'blocked'
  | 'blocked_header'
  | 'protocol'
  | 'interrupted'
  | 'login_page'
  | 'redirect'
  | 'redirect_login'
  | 'http_400'
  | 'http_auth'
  | 'http_404'
  | 'http_405'
  | 'http_410'
  | 'http_413'
  | 'http_429'
  | 'http_4xx'
  | 'http_500'
  | 'http_503'
  | 'http_other'
  | 'unknown';

interface Facts {
  outcome: AttemptOutcome | 'unknown';
  status: number | null;
  error: string;
  body?: string;
  location?: string;
  isHtml?: boolean;
}

export function explainAttempt(attempt: Attempt): Explanation {
  const header = (name: string) =>
    attempt.response_headers.find(({ key }) => key.toLowerCase() === name)?.value ?? '';
  return explain({
    outcome: attempt.outcome,
    status: attempt.status_code ?? null,
    error: attempt.error ?? '',
    body: attempt.response_body,
    location: header('location'),
    isHtml: header('content-type').includes('html'),
  });
}

/** The last attempt of a row; `null` where there was none yet, or the server does not know any more. */
export function explainDelivery(row: Delivery): Explanation | null {
  return row.last_outcome && explain(last(row, row.last_outcome));
}

export function explainFailing(webhook: FailingWebhook): Explanation {
  return explain(last(webhook, webhook.last_outcome ?? 'unknown'));
}

function last(of: Delivery | FailingWebhook, outcome: AttemptOutcome | 'unknown'): Facts {
  return { outcome, status: of.last_status_code, error: of.last_error ?? '' };
}

/** How the server's text begins where a header of the webhook is what was blocked. */
const BLOCKED_HEADER = 'the webhook’s header';

function explain(facts: Facts): Explanation {
  const status = facts.status ?? undefined;
  const bad = (key: OutcomeKey): Explanation => ({ key, status, isGood: false });
  switch (facts.outcome) {
    case 'success':
      return {
        key: facts.isHtml && looksHtml(facts.body) ? 'success_html' : 'success',
        status,
        isGood: true,
      };
    case 'rejected': {
      const said = /body says status (-?\d+)/.exec(facts.error);
      return { ...bad('rejected'), bodyStatus: said ? Number(said[1]) : undefined };
    }
    case 'timeout':
      return bad('timeout');
    case 'dns_error':
      return bad('dns');
    case 'connect_error':
      return bad(/refused/i.test(facts.error) ? 'connect_refused' : 'connect');
    case 'tls_error':
      return bad(tlsKey(facts.error));
    case 'blocked':
      return bad(facts.error.startsWith(BLOCKED_HEADER) ? 'blocked_header' : 'blocked');
    case 'protocol_error':
      return bad('protocol');
    case 'interrupted':
      return bad('interrupted');
    case 'http_error':
      return bad(httpKey(facts));
    default:
      return bad('unknown');
  }
}

/** The sender's own words, and those of the TLS library where it passes them on. */
function tlsKey(error: string): OutcomeKey {
  if (/expired/i.test(error)) return 'tls_expired';
  if (/not ?valid ?yet|not yet valid/i.test(error)) return 'tls_not_yet';
  if (/not for this name|not ?valid ?for ?(any )?name/i.test(error)) return 'tls_name';
  if (/trusted authority|unknownissuer|self.?signed|causedasendentity|badsignature/i.test(error))
    return 'tls_issuer';
  return 'tls';
}

function httpKey({ status, body, location }: Facts): OutcomeKey {
  const code = status ?? 0;
  if (code >= 300 && code < 400) return isLogin(location ?? '') ? 'redirect_login' : 'redirect';
  if (looksHtml(body) && isLogin(body ?? '')) return 'login_page';
  if (code === 400 || code === 404 || code === 405 || code === 410 || code === 413 || code === 429) {
    return `http_${code}`;
  }
  if (code === 401 || code === 403) return 'http_auth';
  if (code >= 400 && code < 500) return 'http_4xx';
  if (code === 502 || code === 503 || code === 504) return 'http_503';
  return code >= 500 ? 'http_500' : 'http_other';
}

const looksHtml = (body = '') => /^\s*(<!doctype html|<html)/i.test(body);

const isLogin = (text: string) =>
  /type=["']?password|\b(login|log-in|signin|sign-in|dang-nhap)\b|đăng nhập/i.test(text);
