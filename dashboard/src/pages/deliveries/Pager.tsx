// Pages of a list that is read by cursors: forward, back the way one came, to the start.

import { Button, Select } from 'antd';
import { useTranslation } from 'react-i18next';
import { DoubleLeftOutlined, LeftOutlined, RightOutlined } from '../../components/icons';
import { number } from '../../components/numbers';

export interface Paging {
  limit: number;
  limits: number[];
  cursor: string | undefined;
  page: number;
  /** The cursors of the pages before; `null` where the page was opened by its address. */
  trail: string[] | null;
  go: (cursor: string | undefined, page: number, trail: string[]) => void;
  setLimit: (limit: number) => void;
}

interface Props {
  paging: Paging;
  shown: number;
  next: string | null;
  total: { total: number; is_capped: boolean } | undefined;
}

export function Pager({ paging, shown, next, total }: Props) {
  const { t } = useTranslation();
  const { limit, limits, page, cursor } = paging;
  const trail = paging.trail ?? [];
  const first = (page - 1) * limit + 1;
  const of =
    total && t(total.is_capped ? 'deliveries.ofMore' : 'deliveries.ofTotal', { total: number(total.total) });
  const forward = () => next && paging.go(next, page + 1, [...trail, cursor ?? '']);
  const back = () => {
    const before = trail.at(-1);
    paging.go(before || undefined, page - 1, trail.slice(0, -1));
  };
  return (
    <nav className="pager" aria-label={t('deliveries.page', { page })}>
      <span className="pager-range tabular">
        {t('deliveries.range', { from: number(first), to: number(first + shown - 1) })} {of}
      </span>
      <Select
        size="small"
        className="pager-limit"
        aria-label={t('deliveries.perPage')}
        value={limit}
        onChange={paging.setLimit}
        options={limits.map((count) => ({ value: count, label: t('deliveries.perPageOption', { count }) }))}
      />
      <span className="pager-buttons">
        <Button
          icon={<DoubleLeftOutlined />}
          aria-label={t('deliveries.first')}
          disabled={!cursor}
          onClick={() => paging.go(undefined, 1, [])}
        />
        <Button
          icon={<LeftOutlined />}
          aria-label={t('deliveries.previous')}
          disabled={!cursor || trail.length === 0}
          onClick={back}
        />
        <span className="pager-page">{t('deliveries.page', { page: number(page) })}</span>
        <Button
          icon={<RightOutlined />}
          aria-label={t('deliveries.next')}
          disabled={!next}
          onClick={forward}
        />
      </span>
    </nav>
  );
}
