//! A bulk resend on the wire.

use bocau_store::resend_jobs::ResendJob;
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::time::to_rfc3339;
use crate::v1::words::ResendState;

/// A bulk resend.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ResendJob)]
pub struct ResendJobView {
    /// Its id; `null` where it was only counted.
    #[schema(required)]
    pub id: Option<String>,
    /// How many deliveries the filter found that can be resent.
    pub total: u64,
    /// How many were asked for so far.
    pub done: u64,
    /// How it stands.
    #[schema(value_type = ResendState)]
    pub state: String,
    /// When it was begun.
    #[schema(required, format = DateTime)]
    pub created_at: Option<String>,
}

impl From<ResendJob> for ResendJobView {
    fn from(job: ResendJob) -> Self {
        Self {
            id: Some(job.id.to_string()),
            total: job.total,
            done: job.done,
            state: job.state.to_string(),
            created_at: Some(to_rfc3339(job.created_at)),
        }
    }
}

/// No such job.
pub(super) fn no_job() -> Problem {
    Problem::not_found("lần gửi lại hàng loạt này", "bulk resend")
}
