//! Event types (loại sự kiện).

pub mod list;
