// The token behind `#`. It is taken out of the address at once, so that it stays in no history and no screenshot.

let taken: string | null = null;

/** `null` where the address has none. */
export function takeToken(): string | null {
  const { hash, pathname, search } = window.location;
  if (hash.startsWith('#token=')) {
    taken = decodeURIComponent(hash.slice('#token='.length));
    window.history.replaceState(window.history.state, '', pathname + search);
  }
  return taken;
}

export function dropToken() {
  taken = null;
}
