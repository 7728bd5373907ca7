// The bulk resends that run, or ended while one looked. They are read from the server, so a reload loses none.
import { CloseOutlined } from '@ant-design/icons';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { App, Button, Progress } from 'antd';
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { deliveriesKey, listResends, resendsKey, stopResends } from '../../api/deliveries';
import { POLL_MS, useLive } from '../../api/live';
import type { ResendJob } from '../../api/types';
import { useMay } from '../../app/session';
import { number } from '../../components/numbers';
import { useErrorText } from '../../components/States';

/** While rows are heard of, the count is asked for this often at most; otherwise as pages poll. */
const HEARD_MS = 4_000;

export function ResendProgress({ store }: { store: string }) {
  const queries = useQueryClient();
  const key = [...resendsKey(store), 'list'];
  const [dismissed, setDismissed] = useState<ReadonlySet<string>>(new Set());
  const seenRunning = useRef(new Set<string>());
  const askedAt = useRef(0);
  const jobs = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => {
      askedAt.current = Date.now();
      return listResends(store, signal);
    },
    retry: false,
    refetchInterval: ({ state }) =>
      state.data?.data.some((job) => job.state === 'running') ? POLL_MS : false,
  });
  useLive('resend', (job) => {
    queries.setQueryData<{ data: ResendJob[]; next_cursor: string | null }>(key, (page) => {
      if (!page) return page;
      const isKnown = page.data.some(({ id }) => id === job.id);
      return {
        ...page,
        data: isKnown ? page.data.map((old) => (old.id === job.id ? job : old)) : [job, ...page.data],
      };
    });
    if (job.state !== 'running') void queries.invalidateQueries({ queryKey: deliveriesKey(store) });
  });
  useLive('delivery', () => {
    const isRunning = jobs.data?.data.some((job) => job.state === 'running');
    if (isRunning && Date.now() - askedAt.current > HEARD_MS)
      void queries.invalidateQueries({ queryKey: key });
  });

  const shown: ResendJob[] = [];
  for (const job of (jobs.data?.data ?? []) as ResendJob[]) {
    if (!job.id || dismissed.has(job.id)) continue;
    if (job.state === 'running') seenRunning.current.add(job.id);
    if (job.state === 'running' || seenRunning.current.has(job.id)) shown.push(job);
  }
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
