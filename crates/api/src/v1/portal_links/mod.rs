//! Portal links: a store's pages, opened from inside the platform's own admin.

pub mod create;
