// HTTP headers as they were sent or received.
import type { Header } from '../api/types';

export function HeaderTable({ headers, label }: { headers: Header[]; label: string }) {
  return (
    <table className="header-table" aria-label={label}>
      <tbody>
        {headers.map(({ key, value }, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a name may be there twice, and rows never move
          <tr key={index}>
            <th scope="row">{key}</th>
            <td>{value}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
