// Deliveries over time by state, as stacked bars: an SVG of our own, and a table for those who do not see it.
import { Grid } from 'antd';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type DeliveryState, deliveryStates, type Overview, type OverviewPoint } from '../../api/types';
import { number } from '../../components/numbers';
import { clockTime, dayAndMonth, shortTime } from '../../components/time';
import { niceMax } from './scale';

const HEIGHT = 220;
const LEFT = 46;
const BOTTOM = 26;
const TOP = 10;

/** From the bottom up. */
const STACK: DeliveryState[] = ['succeeded', 'skipped', 'pending', 'retrying', 'failed'];
const sum = (point: OverviewPoint) => STACK.reduce((total, state) => total + point[state], 0);

export function DeliveryChart({ overview, isDaily }: { overview: Overview; isDaily: boolean }) {
  const { t } = useTranslation();
  const title = useId();
  const [active, setActive] = useState<number | null>(null);
  const isNarrow = !(Grid.useBreakpoint().sm ?? true);
  // Drawn about as wide as it is shown, so that its letters keep their size.
  const width = isNarrow ? 340 : 960;
  const { series } = overview;
  const label = (at: string) => (isDaily ? dayAndMonth(at) : clockTime(at));
  const name = t('overview.chartText', { from: shortTime(overview.from), to: shortTime(overview.to) });
  if (series.every((point) => sum(point) === 0)) {
    return (
      <div className="state state-small">
        <h3 className="state-title">{t('overview.quietTitle')}</h3>
        <p className="state-text">{t('overview.quietText')}</p>
      </div>
    );
  }

  const max = niceMax(Math.max(...series.map(sum)));
  const plot = HEIGHT - TOP - BOTTOM;
  const step = (width - LEFT) / series.length;
  const bar = Math.min(step * 0.72, 44);
  const y = (value: number) => TOP + plot - (value / max) * plot;
  const every = Math.ceil(series.length / (isNarrow ? 4 : 12));
  const shown = active === null ? undefined : series[active];

  return (
    <figure className="chart">
      <div className="chart-head">
        <Legend series={series} />
      </div>
      <div className="chart-plot">
        <svg
          viewBox={`0 0 ${width} ${HEIGHT}`}
          role="img"
          aria-labelledby={title}
          onPointerLeave={() => setActive(null)}
        >
          <title id={title}>{name}</title>
          {[0, 0.5, 1].map((part) => (
            <g key={part}>
              <line className="chart-grid" x1={LEFT} x2={width} y1={y(max * part)} y2={y(max * part)} />
              <text className="chart-tick" x={LEFT - 8} y={y(max * part) + 4} textAnchor="end">
                {number(max * part)}
              </text>
            </g>
          ))}
          {series.map((point, index) => {
            const x = LEFT + index * step;
            return (
              <g key={point.at}>
                <rect
                  className={active === index ? 'chart-hit is-active' : 'chart-hit'}
                  x={x}
                  y={TOP}
                  width={step}
                  height={plot}
                  onPointerEnter={() => setActive(index)}
                  onPointerDown={() => setActive(index)}
                />
                <Bar point={point} x={x + (step - bar) / 2} width={bar} y={y} />
                {index % every === 0 && (
                  <text className="chart-tick" x={x + step / 2} y={HEIGHT - 6} textAnchor="middle">
                    {label(point.at)}
                  </text>
                )}
              </g>
            );
          })}
        </svg>
        {shown && active !== null && (
          <div
            className="chart-tip"
            style={{ left: `${((LEFT + (active + 0.5) * step) / width) * 100}%` }}
            data-side={active > series.length / 2 ? 'left' : 'right'}
          >
            <strong>{isDaily ? dayAndMonth(shown.at) : shortTime(shown.at)}</strong>
            {deliveryStates.map(
              (state) =>
                shown[state] > 0 && (
                  <span key={state}>
                    <i className={`dot dot-${state}`} /> {t(`deliveries.state.${state}`)}{' '}
                    <b>{number(shown[state])}</b>
                  </span>
                ),
            )}
            {sum(shown) === 0 && <span>0</span>}
          </div>
        )}
      </div>
      <Numbers series={series} label={(at) => (isDaily ? dayAndMonth(at) : shortTime(at))} />
    </figure>
  );
}

function Bar({
  point,
  x,
  width,
  y,
}: {
  point: OverviewPoint;
  x: number;
  width: number;
  y: (value: number) => number;
}) {
  let below = 0;
  return STACK.map((state) => {
    const count = point[state];
    if (count === 0) return null;
    const from = y(below);
    below += count;
    // A single failure among thousands is still to be seen.
    const height = Math.max(from - y(below), 2);
    return (
      <rect
        key={state}
        className={`fill-${state}`}
        x={x}
        y={from - height}
        width={width}
        height={height}
        rx={1.5}
      />
    );
  });
}

function Legend({ series }: { series: OverviewPoint[] }) {
  const { t } = useTranslation();
  return (
    <ul className="legend">
      {deliveryStates.map((state) => {
        const total = series.reduce((all, point) => all + point[state], 0);
        return (
          <li key={state}>
            <i className={`dot dot-${state}`} /> {t(`deliveries.state.${state}`)}{' '}
            <b className="tabular">{number(total)}</b>
          </li>
        );
      })}
    </ul>
  );
}

function Numbers({ series, label }: { series: OverviewPoint[]; label: (at: string) => string }) {
  const { t } = useTranslation();
  return (
    <details className="chart-numbers">
      <summary>{t('overview.chartTable')}</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <div className="scroll-x" tabIndex={0} role="region" aria-label={t('overview.chartTable')}>
        <table className="plain-table">
          <thead>
            <tr>
              <th scope="col">{t('overview.time')}</th>
              {deliveryStates.map((state) => (
                <th scope="col" key={state}>
                  {t(`deliveries.state.${state}`)}
                </th>
              ))}
              <th scope="col">{t('overview.total')}</th>
            </tr>
          </thead>
          <tbody>
            {series.map((point) => (
              <tr key={point.at}>
                <th scope="row">{label(point.at)}</th>
                {deliveryStates.map((state) => (
                  <td key={state}>{number(point[state])}</td>
                ))}
                <td>{number(sum(point))}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
