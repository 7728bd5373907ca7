// Thông tin header: rows of Key and Value.

import { Button, Form, Input } from 'antd';
import { useTranslation } from 'react-i18next';
import { DeleteOutlined, PlusOutlined } from '../../components/icons';

const HEADERS_MAX = 50;

export function HeaderRows() {
  const { t } = useTranslation();
  return (
    <fieldset className="field-group">
      <legend>{t('webhooks.form.headers')}</legend>
      <p className="soft">{t('webhooks.form.headersHelp')}</p>
      <Form.List name="headers">
        {(rows, { add, remove }) => (
          <>
            {rows.map(({ key, name }, index) => (
              <div className="header-row" key={key}>
                <Form.Item
                  name={[name, 'key']}
                  rules={[{ required: true, whitespace: true, message: t('webhooks.form.keyRequired') }]}
                >
                  <Input
                    placeholder={t('webhooks.form.key')}
                    aria-label={t('webhooks.form.keyOf', { number: index + 1 })}
                    autoComplete="off"
                    spellCheck={false}
                  />
                </Form.Item>
                <Form.Item name={[name, 'value']}>
                  <Input
                    placeholder={t('webhooks.form.value')}
                    aria-label={t('webhooks.form.valueOf', { number: index + 1 })}
                    autoComplete="off"
                    spellCheck={false}
                  />
                </Form.Item>
                <Button
                  type="text"
                  icon={<DeleteOutlined />}
                  aria-label={t('webhooks.form.removeHeader', { number: index + 1 })}
                  onClick={() => remove(name)}
                />
              </div>
            ))}
            <Button
              type="dashed"
              icon={<PlusOutlined />}
              disabled={rows.length >= HEADERS_MAX}
              onClick={() => add({ key: '', value: '' })}
            >
              {t('webhooks.form.addHeader')}
            </Button>
          </>
        )}
      </Form.List>
    </fieldset>
  );
}
