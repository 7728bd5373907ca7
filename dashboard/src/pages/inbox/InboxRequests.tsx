// What came in, newest first: verified or not, headers and body.

import { Tooltip } from 'antd';
import { useTranslation } from 'react-i18next';
import type { InboxRequest } from '../../api/types';
import { BodyBlock } from '../../components/CodeBlock';
import { EventTypeText } from '../../components/EventTypeText';
import { HeaderTable } from '../../components/HeaderTable';
import { CheckCircleFilled, CloseCircleFilled, QuestionCircleFilled } from '../../components/icons';
import { TimeText } from '../../components/TimeText';

export function InboxRequests({ requests }: { requests: InboxRequest[] }) {
  const { t } = useTranslation();
  if (requests.length === 0) {
    return (
      <div className="state state-small">
        <span className="pulse" aria-hidden />
        <h3 className="state-title">{t('inbox.waitingTitle')}</h3>
        <p className="state-text">{t('inbox.waitingText')}</p>
      </div>
    );
  }
  return (
    <ol className="requests">
      {requests.map((request, index) => (
        <li key={request.id}>
          <details open={index === 0}>
            <summary>
              <RequestHead request={request} />
            </summary>
            <BodyBlock text={request.body} label={t('inbox.body')} maxHeight={320} />
            <details className="headers">
              <summary>
                {t('inbox.headers')} ({request.headers.length})
              </summary>
              <HeaderTable headers={request.headers} label={t('inbox.headers')} />
            </details>
          </details>
        </li>
      ))}
    </ol>
  );
}

function RequestHead({ request }: { request: InboxRequest }) {
  const { t } = useTranslation();
  const header = (name: string) => request.headers.find(({ key }) => key.toLowerCase() === name)?.value;
  const type = header('bocau-event');
  const { answer_status: status } = request;
  return (
    <span className="request-head">
      {type && <EventTypeText name={type} />}
      <code>{header('bocau-object-id')}</code>
      <Verified verified={request.verified} />
      <span className={`chip ${status !== null && status < 300 ? 'chip-good' : 'chip-bad'}`}>
        {status === null ? t('inbox.notAnswered') : t('inbox.answered', { status })}
      </span>
      <span className="soft">
        <TimeText at={request.at} />
      </span>
    </span>
  );
}

function Verified({ verified }: { verified: boolean | null }) {
  const { t } = useTranslation();
  if (verified === null) {
    return (
      <Tooltip title={t('inbox.unsignedHint')}>
        <span className="chip">
          <QuestionCircleFilled /> {t('inbox.unsigned')}
        </span>
      </Tooltip>
    );
  }
  return verified ? (
    <span className="chip chip-good">
      <CheckCircleFilled /> {t('inbox.verified')}
    </span>
  ) : (
    <span className="chip chip-bad">
      <CloseCircleFilled /> {t('inbox.forged')}
    </span>
  );
}
