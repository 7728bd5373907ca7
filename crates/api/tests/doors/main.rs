//! Every way out, and whatever may not go through it: a webhook that is made, one that is changed, a test send, a
//! delivery and a resend. What is refused is a clear problem or the outcome `blocked`, counted by its reason, and
//! no connection is opened.
//!
//! The tables are data files, those of the domain's own tests among them; to add a case, add a line.

mod answers;
mod door;
mod headers;
mod names;
mod table;
mod urls;
