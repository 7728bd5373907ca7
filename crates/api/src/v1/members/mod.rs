//! Members (thành viên): the people who may sign in, and what they may do.

pub mod change;
pub mod create;
pub mod delete;
pub mod list;
pub mod view;
