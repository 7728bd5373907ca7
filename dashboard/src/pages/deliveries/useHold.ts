// Nothing moves while somebody reads: new rows wait while the pointer is over the list and in use, a row has the
// keyboard's focus, text is selected, the page is scrolled down or a popup is open.
import { type RefObject, useEffect, useState } from 'react';

const STILL_MS = 3_000;

export function useHold(list: RefObject<HTMLElement | null>, isPopupOpen: boolean): boolean {
  const [isPointing, setIsPointing] = useState(false);
  const [isElsewhere, setIsElsewhere] = useState(false);

  useEffect(() => {
    const element = list.current;
    if (!element) return;
    let timer: number | undefined;
    const point = () => {
      setIsPointing(true);
      window.clearTimeout(timer);
      timer = window.setTimeout(() => setIsPointing(false), STILL_MS);
    };
    const look = () => {
      const isScrolled = element.getBoundingClientRect().top < -40;
      const hasFocus = element.querySelector('tbody :focus-visible, li :focus-visible') !== null;
      const selection = document.getSelection();
      const hasSelection = !!selection && !selection.isCollapsed && element.contains(selection.anchorNode);
      setIsElsewhere(isScrolled || hasFocus || hasSelection);
    };
    element.addEventListener('pointermove', point);
    element.addEventListener('focusin', look);
    element.addEventListener('focusout', look);
    document.addEventListener('selectionchange', look);
    window.addEventListener('scroll', look, { passive: true });
    return () => {
      window.clearTimeout(timer);
      element.removeEventListener('pointermove', point);
      element.removeEventListener('focusin', look);
      element.removeEventListener('focusout', look);
      document.removeEventListener('selectionchange', look);
      window.removeEventListener('scroll', look);
    };
  }, [list]);

  return isPointing || isElsewhere || isPopupOpen;
}
