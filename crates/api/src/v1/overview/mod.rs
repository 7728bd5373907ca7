//! Tổng quan: how a store's deliveries went.

pub mod get;
