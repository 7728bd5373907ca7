// What this browser remembers of a person's choices. In a frame without storage nothing is remembered.

export function recall(key: string): string | null {
  try {
    return window.localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function remember(key: string, value: string) {
  try {
    window.localStorage.setItem(key, value);
  } catch {
    // A choice that is forgotten harms nobody.
  }
}
