// A plain table of rows: columns with fixed widths, scrolled sideways where the screen is too narrow. Ant Design's
// weighs fifty kilobytes more for what the pages do not use.
import { memo, type ReactNode } from 'react';

export interface Column<Row> {
  key: string;
  title: string;
  /** Pixels; a column without one takes what is left. */
  width?: number;
  isNumeric?: boolean;
  /** Whether the cell says where its row stands; all others are drawn again only when their row changes. */
  isPlace?: boolean;
  cell: (row: Row, index: number) => ReactNode;
}

interface Props<Row> {
  label: string;
  /** The same objects for as long as they say the same: cells are kept by them. */
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
              {columns.map((column) => (
                <td key={column.key} className={column.isNumeric ? 'is-numeric' : undefined}>
                  <Cell
                    column={column as Column<never>}
                    row={row as never}
                    index={column.isPlace ? index : 0}
                  />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const Cell = memo(function Cell({
  column,
  row,
  index,
}: {
  column: Column<never>;
  row: never;
  index: number;
}) {
  return column.cell(row, index);
});
