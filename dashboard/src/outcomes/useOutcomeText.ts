// Explanations as sentences in the page's language.
import { useTranslation } from 'react-i18next';
import type { Attempt, Delivery, FailingWebhook } from '../api/types';
import { exactTime } from '../components/time';
import { type Explanation, explainAttempt, explainDelivery, explainFailing } from './explain';

export interface OutcomeText {
  title: string;
  advice: string;
  /** What comes next by itself. */
  next?: string;
  isGood: boolean;
}

export function useOutcomeText() {
  const { t } = useTranslation();
  return {
    attempt: (attempt: Attempt) => say(t, explainAttempt(attempt)),
    failing: (webhook: FailingWebhook) => say(t, explainFailing(webhook)),
  };
}

/** Why a row is in its state; `null` where the state says it all. */
export function useDeliveryText() {
  const { t } = useTranslation();
  return (row: Delivery): OutcomeText | null => {
    const explained = explainDelivery(row);
    const last = explained && say(t, explained);
    switch (row.status) {
      case 'skipped':
        return reasonText(t, row.reason ?? 'other');
      case 'failed':
        if (row.reason) return reasonText(t, row.reason);
        return last ? { ...last, next: t('outcomes.waiting.exhausted') } : null;
      case 'retrying': {
        const time = row.next_attempt_at ? exactTime(row.next_attempt_at) : '';
        const next = time ? t('outcomes.waiting.retrying', { time }) : undefined;
        return last ? { ...last, next } : null;
      }
      case 'pending':
        // One that was interrupted waits as if it were new.
        return last
          ? { ...last, next: t('outcomes.waiting.pending') }
          : { title: t('outcomes.waiting.pending'), advice: '', isGood: true };
      default:
        return last;
    }
  };
}

type Translate = ReturnType<typeof useTranslation>['t'];

function say(t: Translate, { key, status, bodyStatus, isGood }: Explanation): OutcomeText {
  const title = t(`outcomes.${key}.title`, { status, bodyStatus });
  return { title, advice: t(`outcomes.${key}.advice`), isGood };
}

const REASONS = [
  'no_webhook',
  'webhook_disabled',
  'webhook_deleted',
  'webhook_gone',
  'interrupted',
  'expired',
  'object_erased',
  'filtered',
] as const;

function reasonText(t: Translate, reason: string): OutcomeText {
  const known = REASONS.find((name) => name === reason);
  const key = known ?? 'other';
  return {
    title: t(`outcomes.reason.${key}.title`, { reason }),
    advice: t(`outcomes.reason.${key}.advice`),
    isGood: false,
  };
}
