// Code, payloads and answers: as text, coloured, scrollable by keyboard, ready to copy.
import { useMemo } from 'react';
import { indentJson } from '../api/json-text';
import { CopyButton } from './CopyButton';
import { type CodeLanguage, tokens } from './code-tokens';

/** Longer texts are shown plain: colouring them would make the page slow. */
const COLOURED_MAX = 60_000;

interface Props {
  code: string;
  language?: CodeLanguage;
  label: string;
  /** What is copied, where it is not what is shown. */
  copy?: string;
  actions?: React.ReactNode;
  maxHeight?: number;
}

export function CodeBlock({ code, language = 'text', label, copy = code, actions, maxHeight = 420 }: Props) {
  const shown = useMemo(() => tokens(code, code.length > COLOURED_MAX ? 'text' : language), [code, language]);
  return (
    <div className="code">
      <div className="code-bar">
        <span className="code-label">{label}</span>
        <span className="code-actions">
          {actions}
          <CopyButton text={copy} type="text" />
        </span>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <pre className="code-text" style={{ maxHeight }} tabIndex={0} role="region" aria-label={label}>
        <code>
          {shown.map((token, index) =>
            token.kind === 'plain' ? (
              token.text
            ) : (
              // biome-ignore lint/suspicious/noArrayIndexKey: the tokens of one text never move
              <span key={index} className={`tok-${token.kind}`}>
                {token.text}
              </span>
            ),
          )}
        </code>
      </pre>
    </div>
  );
}

/** A body that is JSON more often than not. What is copied is what was sent or received, to the byte. */
export function BodyBlock({
  text,
  label,
  actions,
  maxHeight,
}: Omit<Props, 'code' | 'language' | 'copy'> & { text: string }) {
  const pretty = useMemo(() => indentJson(text), [text]);
  return (
    <CodeBlock
      code={pretty ?? text}
      copy={text}
      language={pretty === null ? 'text' : 'json'}
      label={label}
      actions={actions}
      maxHeight={maxHeight}
    />
  );
}
