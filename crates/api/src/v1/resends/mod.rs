//! Bulk resends (gửi lại tất cả): all deliveries that a filter finds.

pub mod create;
pub mod get;
pub mod list;
pub mod stop;
pub mod view;
