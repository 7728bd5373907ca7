// Between the patterns that the API takes (`*`, `order.*`, `order.created`) and single types.
import type { EventType } from '../../api/types';

/** Every type that the patterns take. */
export function chosenOf(patterns: string[], types: EventType[]): Set<string> {
  const takes = ({ name, group }: EventType) =>
    patterns.includes('*') || patterns.includes(`${group}.*`) || patterns.includes(name);
  return new Set(types.filter(takes).map(({ name }) => name));
}

/** Whole groups stay groups, so that they take types that are added later. */
export function patternsOf(names: Set<string>, wholeGroups: Set<string>, types: EventType[]): string[] {
  const groups = [...wholeGroups].map((group) => `${group}.*`);
  const single = types
    .filter(({ name, group }) => names.has(name) && !wholeGroups.has(group))
    .map(({ name }) => name);
  return [...groups, ...single];
}
