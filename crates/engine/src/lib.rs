//! The delivery engine: how an event gets from the request that published it to the merchant's server.
//!
//! One file per step, in the order an event passes them:
//!
//! - [`router`]: which webhooks of the store want it
//! - [`journal`]: gathers what has come in and has it written in one commit
//! - [`lanes`]: one queue per webhook, so that a slow receiver delays nobody else
//! - [`dispatch`]: takes deliveries out of the lanes and makes their attempts
//! - [`sender`]: one attempt, from the request's headers to the judgement of the answer
//! - `echo.rs`: what an answer says back of the request's secrets is masked
//! - [`egress`]: the guard that decides where a connection may go, and the https transport
//! - [`notices`]: hears what other nodes tell; [`config_poll`] asks what they may not have told
//! - [`recorder`]: writes how attempts ended, many in one commit
//! - [`schedule`] and [`scheduler`]: bring back what is due again, from the store into the lanes
//! - [`sweeper`]: removes what is over
//! - [`retention`]: removes what is older than it is kept
//!
//! Besides: [`changes`] tells who watches a store's report, [`presence`] says that this node is there, and
//! `bulk_resend.rs` resends all that a filter finds, [`erasing`] blanks what is kept of an object.
//!
//! [`flow`] is one row of these steps, for the stores of one database; [`Engine`] has one for each database and puts
//! them together; changes of configuration go through it too (`configuring.rs`). Time, randomness and the network are handed in ([`clock`],
//! [`sender::Transport`], [`egress::Resolver`]), so that tests step a clock instead of waiting.

mod bulk_resend;
pub mod changes;
pub mod clock;
pub mod config_poll;
mod configuring;
pub mod dispatch;
mod echo;
pub mod egress;
mod engine;
pub mod erasing;
pub mod flow;
pub mod journal;
pub mod lanes;
pub mod notices;
pub mod presence;
pub mod recorder;
pub mod retention;
pub mod router;
pub mod schedule;
pub mod scheduler;
pub mod sender;
pub mod sweeper;
mod test_wait;
mod turns;

pub use clock::{EngineClock, SystemClock, SystemRng};
pub use engine::{Engine, EngineOptions, EngineParts, IncomingEvent, PublishError, Published, TestSend};
