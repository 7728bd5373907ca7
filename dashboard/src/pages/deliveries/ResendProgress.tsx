// The bulk resends that run or ended a moment ago. They are read from the server, so a reload loses none.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Button, Progress } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { listResends, resendsKey, stopResends } from '../../api/deliveries';
import { POLL_MS, useLive } from '../../api/live';
import type { ResendJob } from '../../api/types';
import { useMay } from '../../app/session';
import { CloseOutlined } from '../../components/icons';
import { number } from '../../components/numbers';
import { useErrorText } from '../../components/States';

/** A job that ended is told of for this long, unless it is put away. */
const TOLD_MS = 15 * 60_000;

export function ResendProgress({ store }: { store: string }) {
  const queries = useQueryClient();
  const key = [...resendsKey(store), 'list'];
  const [dismissed, setDismissed] = useState<ReadonlySet<string>>(new Set());
  const jobs = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => listResends(store, signal),
    refetchInterval: ({ state }) =>
      state.data?.data.some((job) => job.state === 'running') ? POLL_MS : false,
  });
  // The stream says how far each is; asking is for when it is silent.
  useLive('resend', (told) =>
    queries.setQueryData<typeof jobs.data>(key, (known) => {
      if (!known) return known;
      const isKnown = known.data.some(({ id }) => id === told.id);
      const data = isKnown
        ? known.data.map((job) => (job.id === told.id ? told : job))
        : [told, ...known.data];
      return { ...known, data };
    }),
  );

  const isRecent = (job: ResendJob) => Date.now() - Date.parse(job.created_at ?? '') < TOLD_MS;
  const shown = ((jobs.data?.data ?? []) as ResendJob[]).filter(
    (job) => job.state === 'running' || (isRecent(job) && !dismissed.has(job.id ?? '')),
  );
  return shown.map((job) => (
    <JobBar
      key={job.id}
      store={store}
      job={job}
      onDismiss={() => setDismissed(new Set([...dismissed, job.id ?? '']))}
    />
  ));
}

function JobBar({ store, job, onDismiss }: { store: string; job: ResendJob; onDismiss: () => void }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const queries = useQueryClient();
  const may = useMay();
  const text = useErrorText();
  const stop = useMutation({
    mutationFn: () => stopResends(store, job.id ?? ''),
    onSettled: () => queries.invalidateQueries({ queryKey: resendsKey(store) }),
    onError: (error) => message.error(text(error)),
  });
  const isRunning = job.state === 'running';
  const word = isRunning ? 'running' : job.state === 'stopped' ? 'stopped' : 'done';
  const label = t(`deliveries.bulk.${word}`);
  return (
    <section className="job" aria-label={label}>
      <div className="job-text" role="status">
        <strong>{label}</strong>
        <span className="tabular">
          {t('deliveries.bulk.progress', { done: number(job.done), total: number(job.total) })}
        </span>
      </div>
      <Progress
        aria-label={label}
        percent={job.total > 0 ? Math.floor((job.done / job.total) * 100) : 100}
        status={isRunning ? 'active' : job.state === 'stopped' ? 'exception' : 'success'}
        showInfo={false}
      />
      {isRunning ? (
        may.manage && (
          <Button size="small" loading={stop.isPending} onClick={() => stop.mutate()}>
            {t('deliveries.bulk.stop')}
          </Button>
        )
      ) : (
        <Button
          size="small"
          type="text"
          icon={<CloseOutlined />}
          aria-label={t('deliveries.bulk.dismiss')}
          onClick={onDismiss}
        />
      )}
    </section>
  );
}
