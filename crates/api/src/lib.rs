//! The HTTP contract: routes, wire forms, authentication, errors and the `OpenAPI` document.
//!
//! - [`mod@router`]: every route in one table, and what surrounds them
//! - [`auth`]: who calls, and what they may do
//! - [`people`]: the first admin, and users made at the command line
//! - [`body`]: reading request bodies within their limits, and saying where they are wrong
//! - [`path`], [`query`]: what stands in a request's address
//! - [`personal`]: personal data in what is shown
//! - [`rate_limit`]: how many requests are answered, of each key and machine
//! - [`problem`]: every error that can be answered, in Vietnamese and English
//! - [`refusals`]: the domain's refusals in words for people
//! - [`v1`]: the routes, `v1/<resource>/<verb>.rs`
//! - [`health`]: `/livez`, `/readyz`, `/metrics`
//! - [`docs`]: the readable page of the API
//! - [`worker_router`]: what a node answers that only sends
//!
//! HTTP status codes and axum stay in this crate and the program's.

mod answer_headers;
mod around;
pub mod auth;
pub mod body;
pub mod docs;
pub mod health;
pub mod openapi;
pub mod path;
pub mod people;
pub mod personal;
pub mod problem;
pub mod query;
pub mod rate_limit;
pub mod refusals;
pub mod router;
pub mod time;
pub mod v1;
mod worker;

pub use auth::passwords::hash_password;
pub use openapi::openapi_json;
pub use people::{NewUser, create_user, first_sign_in_link};
pub use problem::{Kind, Problem, Text};
pub use router::{Api, ApiParts, router};
pub use worker::worker_router;
