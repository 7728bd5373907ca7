//! Deliveries (lượt gửi), their history (Lịch sử) and resends (Gửi lại).

pub mod attempts;
pub mod count;
pub mod csv;
pub mod filter;
pub mod get;
pub mod list;
pub mod resend;
pub mod view;
