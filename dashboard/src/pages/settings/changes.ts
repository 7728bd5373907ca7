// What differs between two states of a thing, field by field.

export interface Change {
  field: string;
  /** `null` where the field was not there. */
  from: string | null;
  to: string | null;
}

type State = Record<string, unknown> | null;

export function changes(from: State, to: State): Change[] {
  const fields = new Set([...Object.keys(from ?? {}), ...Object.keys(to ?? {})]);
  const found: Change[] = [];
  for (const field of fields) {
    const change = { field, from: say(from?.[field]), to: say(to?.[field]) };
    if (change.from !== change.to) found.push(change);
  }
  return found;
}

function say(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  return typeof value === 'string' ? value : JSON.stringify(value);
}
