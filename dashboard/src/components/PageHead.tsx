// The head of a page: its name, what it is for, what one can do.
import { type ReactNode, useEffect } from 'react';

export function PageHead({
  title,
  intro,
  children,
}: {
  title: string;
  intro?: ReactNode;
  children?: ReactNode;
}) {
  useEffect(() => {
    document.title = `${title} · Bồ Câu`;
  }, [title]);
  return (
    <header className="page-head">
      <div className="page-head-text">
        <h1>{title}</h1>
        {intro && <p>{intro}</p>}
      </div>
      {children && <div className="page-head-actions">{children}</div>}
    </header>
  );
}
