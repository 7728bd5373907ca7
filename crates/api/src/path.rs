//! The parts of a path, with a problem for one that cannot be read.

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::{Kind, Problem, text};

/// The parameters of a path. One that is no UTF-8 names nothing.
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        read.map(|axum::extract::Path(parameters)| Self(parameters)).map_err(|_| {
            let detail = text("Đường dẫn không đọc được.", "The path cannot be read.");
            Problem::new(Kind::NotFound, detail)
        })
    }
}
