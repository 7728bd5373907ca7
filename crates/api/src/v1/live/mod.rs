//! Live: what is new in a store's report, as it happens.

pub mod watch;
