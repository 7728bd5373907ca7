// Mẫu dữ liệu: what is sent for each event type, and code that receives it.
import { Select, Tabs } from 'antd';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { useLocation, useSearchParams } from 'react-router';
import { useEventTypes } from '../../api/stores';
import type { EventType } from '../../api/types';
import { CodeBlock } from '../../components/CodeBlock';
import { byGroup, useGroupLabel, useTypeLabel } from '../../components/EventTypeText';
import { PageHead } from '../../components/PageHead';
import { ErrorState, LoadingState } from '../../components/States';
import { HeaderMeanings } from './HeaderMeanings';
import { ReceiverCode } from './ReceiverCode';
import { SchemaTable } from './SchemaTable';
import './samples.css';

/** The document's answer. */
const ANSWER = '{\n  "status": 200,\n  "message": "OK"\n}';

export function SamplesPage() {
  const { t } = useTranslation();
  const types = useEventTypes();
  const [search, setSearch] = useSearchParams();
  const { hash } = useLocation();
  const code = useRef<HTMLElement>(null);
  const isLoaded = types.data !== undefined;
  useEffect(() => {
    if (hash === '#code' && isLoaded) code.current?.scrollIntoView();
  }, [hash, isLoaded]);

  const list = types.data ?? [];
  const first = list.find(({ name }) => name === 'order.created') ?? list[0];
  const type = list.find(({ name }) => name === search.get('type')) ?? first;
  const choose = (name: string) => setSearch({ type: name }, { replace: true, preventScrollReset: true });

  return (
    <>
      <PageHead title={t('samples.title')} intro={t('samples.intro')} />
      {types.isPending && <LoadingState rows={8} />}
      {types.error && <ErrorState error={types.error} onRetry={() => types.refetch()} />}
      {type && (
        <>
          <section className="card samples">
            <TypeList types={list} chosen={type.name} onChoose={choose} />
            <Sample type={type} />
          </section>
          <section className="card card-body" id="code" ref={code}>
            <h2>{t('samples.code')}</h2>
            <p className="soft lead">{t('samples.codeText')}</p>
            <ReceiverCode />
          </section>
        </>
      )}
    </>
  );
}

interface TypeListProps {
  types: EventType[];
  chosen: string;
  onChoose: (name: string) => void;
}

/** A list at the side; on a phone a select. */
function TypeList({ types, chosen, onChoose }: TypeListProps) {
  const { t } = useTranslation();
  const group = useGroupLabel();
  const label = useTypeLabel();
  const groups = byGroup(types);
  return (
    <div className="type-list">
      <Select
        className="type-select"
        aria-label={t('samples.types')}
        value={chosen}
        onChange={onChoose}
        options={groups.map(([name, own]) => ({
          label: group(name),
          title: name,
          options: own.map((type) => ({ value: type.name, label: label(type.name) })),
        }))}
      />
      <nav aria-label={t('samples.types')}>
        {groups.map(([name, own]) => (
          <div key={name}>
            <h2>{group(name)}</h2>
            {own.map((type) => (
              <button
                key={type.name}
                type="button"
                className="type-button"
                aria-pressed={type.name === chosen}
                onClick={() => onChoose(type.name)}
              >
                <span>{label(type.name)}</span>
                <code>{type.name}</code>
              </button>
            ))}
          </div>
        ))}
      </nav>
    </div>
  );
}

function Sample({ type }: { type: EventType }) {
  const { t } = useTranslation();
  const label = useTypeLabel()(type.name);
  const sample = JSON.stringify(type.sample, null, 2);
  return (
    <div className="sample">
      <h2>
        {label} <code className="soft">{type.name}</code>
      </h2>
      <Tabs
        items={[
          {
            key: 'sample',
            label: t('samples.sample'),
            children: (
              <>
                <CodeBlock code={sample} language="json" label={type.name} maxHeight={520} />
                <h3>{t('samples.answer')}</h3>
                <p className="soft">{t('samples.answerText')}</p>
                <CodeBlock code={ANSWER} language="json" label={t('samples.answer')} />
              </>
            ),
          },
          { key: 'schema', label: t('samples.schema'), children: <SchemaTable type={type} /> },
          { key: 'request', label: t('samples.request'), children: <HeaderMeanings type={type.name} /> },
        ]}
      />
    </div>
  );
}
