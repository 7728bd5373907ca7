//! People: signing in, what their roles may do, members, keys, portal links, and the log of all that.

mod audit_log;
mod keys;
mod live;
mod members;
mod portal;
mod roles;
mod sessions;
mod sign_in;
