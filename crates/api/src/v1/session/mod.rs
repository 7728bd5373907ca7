//! Signing in and out (đăng nhập).

pub mod begin;
pub mod email;
pub mod end;
pub mod get;
pub mod link;
pub mod password;
pub mod view;
