// The top of an axis: a round and even number not below the highest value.

export function niceMax(value: number): number {
  if (value <= 4) return 4;
  const size = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 4, 6, 8, 10].find((factor) => factor * size >= value) ?? 10;
  const top = step * size;
  return top % 2 === 0 ? top : top + 1;
}
