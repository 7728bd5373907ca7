//! Egress: the only way out. Where a connection may go is decided here, on the address it goes to.
//!
//! - [`guard`]: resolves a host's name, judges every address of the answer, connects to one of those
//! - [`stream`]: the connection, given up where the receiver takes nothing
//! - [`https`]: the shared https client over it, with every limit on what an answer may be
//!
//! URLs come from strangers. Nothing else in the workspace opens a connection to one, no proxy variable of
//! the environment is read, and no redirect is followed.

pub mod guard;
pub mod https;
pub mod stream;

pub use guard::{Guard, Resolver, SystemResolver};
pub use https::{HttpsOptions, HttpsTransport};
