//! Webhooks (cấu hình webhook).

pub mod change;
pub mod create;
pub mod delete;
pub mod get;
pub mod list;
pub mod rotate_secret;
pub mod secret;
pub mod test;
pub mod view;
