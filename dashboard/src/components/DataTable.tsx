// A plain table of rows: columns with fixed widths, scrolled sideways where the screen is too narrow. Ant Design's
// weighs fifty kilobytes more for what the pages do not use.
import type { ReactNode } from 'react';

export interface Column<Row> {
  key: string;
  title: string;
  /** Pixels; a column without one takes what is left. */
  width?: number;
  isNumeric?: boolean;
  cell: (row: Row, index: number) => ReactNode;
}

interface Props<Row> {
  label: string;
  columns: Column<Row>[];
  rows: Row[];
  rowClass?: (row: Row) => string;
}

/** What a column without a width needs at least. */
const WIDTH_MIN = 180;

export function DataTable<Row extends { id: string }>({ label, columns, rows, rowClass }: Props<Row>) {
  const minWidth = columns.reduce((sum, { width }) => sum + (width ?? WIDTH_MIN), 0);
  return (
    <div className="table-scroll">
      <table className="table" aria-label={label} style={{ minWidth }}>
        <colgroup>
          {columns.map(({ key, width }) => (
            <col key={key} style={{ width }} />
          ))}
        </colgroup>
        <thead>
          <tr>
            {columns.map(({ key, title, isNumeric }) => (
              <th key={key} scope="col" className={isNumeric ? 'is-numeric' : undefined}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={row.id} className={rowClass?.(row)}>
              {columns.map(({ key, isNumeric, cell }) => (
                <td key={key} className={isNumeric ? 'is-numeric' : undefined}>
                  {cell(row, index)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
