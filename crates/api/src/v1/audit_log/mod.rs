//! The audit log (nhật ký thay đổi).

pub mod list;
pub mod view;
