//! How spans of time are spread.

use std::time::Duration;

use serde_json::{Value, json};

/// Some of the percentiles.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spread {
    pub(crate) count: usize,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) p999: Duration,
    pub(crate) max: Duration,
}

impl Spread {
    pub(crate) fn of(spans: impl IntoIterator<Item = Duration>) -> Self {
        let mut sorted: Vec<Duration> = spans.into_iter().collect();
        sorted.sort_unstable();
        // The smallest that so many of a thousand are not above.
        let at = |thousandths: usize| {
            let place = (sorted.len() * thousandths).div_ceil(1_000);
            sorted.get(place.saturating_sub(1)).copied().unwrap_or_default()
        };
        Self { count: sorted.len(), p50: at(500), p99: at(990), p999: at(999), max: at(1_000) }
    }

    /// In milliseconds.
    pub(crate) fn json(&self) -> Value {
        let millis = |span: Duration| span.as_secs_f64() * 1e3;
        json!({
            "count": self.count,
            "p50_ms": millis(self.p50),
            "p99_ms": millis(self.p99),
            "p999_ms": millis(self.p999),
            "max_ms": millis(self.max),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_spans_that_were_measured() {
        let spread = Spread::of((1..=1_000).rev().map(Duration::from_millis));
        assert_eq!(spread.count, 1_000);
        let spans = [spread.p50, spread.p99, spread.p999, spread.max];
        assert_eq!(spans.map(|span| span.as_millis()), [500, 990, 999, 1_000]);
        assert_eq!(Spread::of([Duration::from_millis(7)]).p50, Duration::from_millis(7));
        assert_eq!(Spread::of([]).p99, Duration::ZERO);
    }
}
