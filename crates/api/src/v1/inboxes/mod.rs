//! Test inboxes (hộp thử): a receiver of our own, for trying webhooks before one has a server.

pub mod change;
pub mod create;
pub mod delete;
pub mod get;
pub mod list;
pub mod requests;
pub mod view;
