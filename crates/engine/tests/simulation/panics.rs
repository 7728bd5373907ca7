//! Panics of tasks, which a runtime swallows: each thread remembers its last.

use std::cell::RefCell;
use std::sync::Once;

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on panics are remembered.
pub(crate) fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            LAST.with(|last| *last.borrow_mut() = Some(panic.to_string()));
            usual(panic);
        }));
    });
}

/// The last one of this thread that nobody has taken yet.
pub(crate) fn take() -> Option<String> {
    LAST.with(RefCell::take)
}
