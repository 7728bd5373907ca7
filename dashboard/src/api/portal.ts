// Whether this page acts as the session of a portal link alone, whoever else has signed in in this browser. It does
// in a frame, where a click may be somebody else's doing, and in the tab where the link was opened.

const MARK = 'bocau.portal';
let marked = read();

export const PORTAL_HEADER = 'X-Bocau-Portal';

export function isPortal(): boolean {
  return marked || window.self !== window.top;
}

/** Says as whom this tab acts from now on, also after it is loaded anew. */
export function actAsPortal(value: boolean) {
  marked = value;
  try {
    if (value) window.sessionStorage.setItem(MARK, '1');
    else window.sessionStorage.removeItem(MARK);
  } catch {
    // Without storage it holds until the page is loaded anew.
  }
}

function read(): boolean {
  try {
    return window.sessionStorage.getItem(MARK) !== null;
  } catch {
    return false;
  }
}
