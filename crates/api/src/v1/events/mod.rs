//! Events (sự kiện).

pub mod batch;
pub mod get;
pub mod publish;
pub mod view;
