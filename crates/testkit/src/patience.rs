//! The one cap on real time: a test that waits for what never comes ends with what did.

use std::future::Future;
use std::time::Duration;

/// How long a test waits for an event, in real time.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for `future`, and panics with `story` where it does not end within [`PATIENCE`].
pub async fn capped<T>(future: impl Future<Output = T>, story: impl FnOnce() -> String) -> T {
    within(PATIENCE, future, story).await
}

/// Waits for `future`, and panics with `story` where it does not end within `span`: what is promised in minutes.
#[expect(clippy::disallowed_methods, reason = "an outer cap in real time, so that a failing test ends")]
pub async fn within<T>(span: Duration, future: impl Future<Output = T>, story: impl FnOnce() -> String) -> T {
    let Ok(value) = tokio::time::timeout(span, future).await else {
        panic!("nothing happened for {} s: {}", span.as_secs(), story());
    };
    value
}
