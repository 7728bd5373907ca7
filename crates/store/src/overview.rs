//! The arithmetic of the overview: its hours, its steps, and the duration that most attempts stay within. The
//! backends look up what goes into it.

use std::collections::BTreeMap;
use std::time::Duration;

use bocau_domain::limits::OVERVIEW_SPAN_MAX;

use crate::figures::{FailingWebhook, OVERVIEW_STEP, Overview, OverviewSpan, OverviewStep, StatusCounts};
use crate::tally::{beginning_of, hour_of, longest_of, millis};

/// Whole hours from the first to before the last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hours {
    pub(crate) first: i64,
    pub(crate) end: i64,
}

impl Hours {
    pub(crate) fn of(span: OverviewSpan) -> Self {
        let end = hour_of(span.to + OVERVIEW_STEP - Duration::from_millis(1));
        let longest = millis(OVERVIEW_SPAN_MAX) / millis(OVERVIEW_STEP);
        Self { first: hour_of(span.from).max(end - longest).min(end), end }
    }

    fn steps(self, step: Duration) -> Vec<OverviewStep> {
        let step = usize::try_from(millis(step) / millis(OVERVIEW_STEP)).unwrap_or(1).max(1);
        let step_at = |hour| OverviewStep { at: beginning_of(hour), deliveries: StatusCounts::default() };
        (self.first..self.end).step_by(step).map(step_at).collect()
    }
}

/// What one hour adds: which it is, its events, and their deliveries.
pub(crate) type Hourly = (i64, u64, StatusCounts);

/// The overview of these hours, with steps of this length.
pub(crate) fn overview(
    hours: Hours,
    step: Duration,
    hourly: Vec<Hourly>,
    p95: Option<Duration>,
    failing: Vec<FailingWebhook>,
) -> Overview {
    let mut overview = Overview {
        from: beginning_of(hours.first),
        to: beginning_of(hours.end),
        events: 0,
        deliveries: StatusCounts::default(),
        p95,
        series: hours.steps(step),
        failing,
    };
    for (hour, events, counts) in hourly {
        overview.events += events;
        overview.deliveries += counts;
        let at = beginning_of(hour);
        let place = overview.series.partition_point(|step| step.at <= at);
        if let Some(step) = place.checked_sub(1).and_then(|place| overview.series.get_mut(place)) {
            step.deliveries += counts;
        }
    }
    overview
}

/// From classes of durations and how many attempts fell into each; a class may come more than once. The classes
/// are in order, so the one that the 95th of 100 falls into is found by adding up.
pub(crate) fn p95(rows: Vec<(i64, u64)>) -> Option<Duration> {
    let mut classes: BTreeMap<i64, u64> = BTreeMap::new();
    for (class, attempts) in rows {
        *classes.entry(class).or_default() += attempts;
    }
    let wanted = (classes.values().sum::<u64>() * 95).div_ceil(100);
    let mut seen = 0;
    let found = classes.into_iter().find(|(_, attempts)| {
        seen += attempts;
        seen >= wanted
    });
    found.map(|(class, _)| Duration::from_millis(longest_of(class)))
}
