// What the server refused, at the very field that its JSON pointer names; the rest above the form.
import { Alert, type FormInstance } from 'antd';
import { useCallback, useState } from 'react';
import { ApiError, pointerToPath } from '../api/problem';
import { useErrorText } from './States';

type Path = (string | number)[];

/** `rename` leads from the API's fields to the form's where they differ. */
// biome-ignore lint/suspicious/noExplicitAny: the form's type says nothing about errors
export function useFormErrors(form: FormInstance<any>, rename: (path: Path) => Path = (path) => path) {
  const text = useErrorText();
  const [general, setGeneral] = useState<string | null>(null);
  const show = useCallback(
    (error: unknown) => {
      const fields = error instanceof ApiError ? error.fields : [];
      const known = fields
        .map(({ pointer, detail }) => ({ name: rename(pointerToPath(pointer)), errors: [detail] }))
        .filter(({ name }) => form.getFieldInstance(name) ?? form.getFieldValue(name) !== undefined);
      form.setFields(known);
      const first = known[0];
      if (first) form.scrollToField(first.name, { block: 'center', focus: true });
      setGeneral(known.length > 0 && known.length === fields.length ? null : text(error));
    },
    [form, rename, text],
  );
  const clear = useCallback(() => setGeneral(null), []);
  const alert = general && (
    <Alert className="form-alert" type="error" showIcon title={general} role="alert" />
  );
  return { alert, show, clear };
}
