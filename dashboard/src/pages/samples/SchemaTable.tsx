// A type's schema, as a table for reading and as JSON Schema for tools.
import { Segmented } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { EventType } from '../../api/types';
import { CodeBlock } from '../../components/CodeBlock';

interface Schema {
  required?: string[];
  properties?: Record<string, { type?: string | string[] }>;
}

export function SchemaTable({ type }: { type: EventType }) {
  const { t } = useTranslation();
  const [view, setView] = useState<'table' | 'json'>('table');
  const schema = type.schema as Schema;
  const sample = type.sample as Record<string, unknown>;
  const required = new Set(schema.required);
  const typeOf = (types: string | string[] | undefined) =>
    types === undefined ? t('samples.anyType') : [types].flat().join(' | ');
  return (
    <>
      <Segmented
        className="schema-view"
        value={view}
        onChange={setView}
        options={[
          { value: 'table', label: t('samples.table') },
          { value: 'json', label: t('samples.json') },
        ]}
      />
      {view === 'json' ? (
        <CodeBlock
          code={JSON.stringify(schema, null, 2)}
          language="json"
          label={t('samples.json')}
          maxHeight={520}
        />
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        <div className="scroll-box" tabIndex={0} role="region" aria-label={t('samples.schema')}>
          <table className="plain-table">
            <thead>
              <tr>
                <th scope="col">{t('samples.field')}</th>
                <th scope="col">{t('samples.fieldTypes')}</th>
                <th scope="col">{t('samples.fieldExample')}</th>
              </tr>
            </thead>
            <tbody>
              {Object.entries(schema.properties ?? {}).map(([name, property]) => (
                <tr key={name}>
                  <th scope="row">
                    <code>{name}</code>
                    {required.has(name) && (
                      <span className="chip chip-required">{t('samples.required')}</span>
                    )}
                  </th>
                  <td className="soft">{typeOf(property.type)}</td>
                  <td>
                    <code className="break">{JSON.stringify(sample[name])}</code>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
