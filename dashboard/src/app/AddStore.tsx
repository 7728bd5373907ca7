// The popup that makes a store; only administrators see it, so it is fetched when it is opened.
import { lazy, Suspense } from 'react';

const Popup = lazy(async () => ({ default: (await import('./AddStorePopup')).AddStorePopup }));

export function AddStore({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  if (!isOpen) return null;
  return (
    <Suspense fallback={null}>
      <Popup onClose={onClose} />
    </Suspense>
  );
}
