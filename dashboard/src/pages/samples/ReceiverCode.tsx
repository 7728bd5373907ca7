// Receivers in five languages: real files of this repository, which the tests run.

import { Button, Tabs } from 'antd';
import { useTranslation } from 'react-i18next';
import { CodeBlock } from '../../components/CodeBlock';
import type { CodeLanguage } from '../../components/code-tokens';
import { DownloadOutlined } from '../../components/icons';
import csharp from '../../receivers/csharp/Program.cs?raw';
import java from '../../receivers/java/Webhook.java?raw';
import node from '../../receivers/node/webhook.mjs?raw';
import php from '../../receivers/php/webhook.php?raw';
import python from '../../receivers/python/webhook.py?raw';

const receivers: { key: CodeLanguage; name: string; file: string; code: string }[] = [
  { key: 'php', name: 'PHP', file: 'webhook.php', code: php },
  { key: 'node', name: 'Node.js', file: 'webhook.mjs', code: node },
  { key: 'python', name: 'Python', file: 'webhook.py', code: python },
  { key: 'csharp', name: 'C#', file: 'Program.cs', code: csharp },
  { key: 'java', name: 'Java', file: 'Webhook.java', code: java },
];

function download(file: string, code: string) {
  const url = URL.createObjectURL(new Blob([code], { type: 'text/plain' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = file;
  link.click();
  URL.revokeObjectURL(url);
}

export function ReceiverCode() {
  const { t } = useTranslation();
  return (
    <Tabs
      items={receivers.map(({ key, name, file, code }) => ({
        key,
        label: name,
        children: (
          <CodeBlock
            code={code}
            language={key}
            label={file}
            maxHeight={640}
            actions={
              <Button
                type="text"
                size="small"
                icon={<DownloadOutlined />}
                onClick={() => download(file, code)}
              >
                {t('samples.download')}
              </Button>
            }
          />
        ),
      }))}
    />
  );
}
