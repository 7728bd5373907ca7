// How one attempt went: said plainly, then the answer itself.

import { useTranslation } from 'react-i18next';
import type { Attempt } from '../api/types';
import { useOutcomeText } from '../outcomes/useOutcomeText';
import { BodyBlock } from './CodeBlock';
import { CheckCircleFilled, CloseCircleFilled } from './icons';
import { duration } from './numbers';

export function AttemptResult({ attempt }: { attempt: Attempt }) {
  const { t } = useTranslation();
  const text = useOutcomeText().attempt(attempt);
  return (
    <div className="result">
      <div className={`verdict ${text.isGood ? 'verdict-good' : 'verdict-bad'}`}>
        {text.isGood ? <CheckCircleFilled /> : <CloseCircleFilled />}
        <div>
          <strong>{text.title}</strong>
          {text.advice && <p>{text.advice}</p>}
          <p className="soft">
            {attempt.status_code !== null && `HTTP ${attempt.status_code} · `}
            {t('webhooks.testing.took', { duration: duration(attempt.duration_ms) })}
          </p>
        </div>
      </div>
      {attempt.status_code === null ? (
        attempt.error && <p className="technical">{attempt.error}</p>
      ) : attempt.response_body ? (
        <BodyBlock text={attempt.response_body} label={t('webhooks.testing.answer')} maxHeight={260} />
      ) : (
        <p className="soft">{t('webhooks.testing.emptyAnswer')}</p>
      )}
    </div>
  );
}
