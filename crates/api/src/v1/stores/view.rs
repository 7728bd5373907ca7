//! A store on the wire.

use bocau_domain::limits::{RETENTION_DAYS_MAX, STORE_NAME_LENGTH_MAX};
use bocau_domain::{RetentionDays, StoreInfo};
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::refusals::invalid;
use crate::time::to_rfc3339;

/// A store.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Store)]
pub struct StoreView {
    /// The platform's id of it.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Days that its events are kept; `null` where it leaves that to the server. The shorter of its own and the
    /// server's time holds.
    #[schema(minimum = 1, maximum = 3650)]
    pub retention_days: Option<u16>,
    /// When it was made here.
    #[schema(format = DateTime)]
    pub created_at: String,
}

impl From<StoreInfo> for StoreView {
    fn from(store: StoreInfo) -> Self {
        Self {
            id: store.id.to_string(),
            name: store.name,
            retention_days: store.retention.map(RetentionDays::days),
            created_at: to_rfc3339(store.created_at),
        }
    }
}

/// Checks a store's name.
pub(super) fn name(name: &str) -> Result<String, Problem> {
    let name = name.trim();
    if (1..=STORE_NAME_LENGTH_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        return Ok(name.to_owned());
    }
    Err(invalid(
        "/name",
        "Tên cửa hàng từ 1 đến 200 ký tự, không có ký tự điều khiển.",
        "A store's name has 1 to 200 characters, no control characters.",
    ))
}

/// Checks how long a store's events are kept.
pub(super) fn retention(days: u32) -> Result<RetentionDays, Problem> {
    RetentionDays::new(days).ok_or_else(|| {
        invalid(
            "/retention_days",
            &format!("Số ngày lưu trữ sự kiện từ 1 đến {RETENTION_DAYS_MAX}."),
            &format!("Events are kept for 1 to {RETENTION_DAYS_MAX} days."),
        )
    })
}
