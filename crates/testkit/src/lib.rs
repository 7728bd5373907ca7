//! What the tests share: time that stands still, a receiver that misbehaves on demand, and an engine between
//! them. Nothing here waits on the machine's clock, except to give up where a test has gone wrong.
//!
//! - [`clock`]: a clock that only tests move, and seeded dice
//! - [`receiver`]: a scripted https server, with the certificates of [`tls`]; [`raw_receiver`]: one that writes whatever bytes;
//!   [`canary`] must never be called
//! - [`resolver`]: a resolver that answers what the test says; [`name_server`] does so over DNS
//! - [`database`]: a PostgreSQL database of its own; [`PostgresServer`]: a server of its own, to be stopped and started
//! - [`fault_proxy`]: a network that breaks; [`disk_faults`]: a disk that fails, fills up or forgets (Linux)
//! - [`flaky_store`]: a store that fails where the test says
//! - [`harness`]: the engine over all of these; `app`: the HTTP API over the harness (with the feature `app`)
//! - [`patience`]: the one cap on real time

#[cfg(feature = "app")]
pub mod app;
pub mod canary;
pub mod clock;
pub mod database;
#[cfg(target_os = "linux")]
pub mod disk_faults;
pub mod fault_proxy;
pub mod flaky_store;
pub mod harness;
pub mod name_server;
pub mod patience;
pub mod raw_receiver;
pub mod receiver;
pub mod resolver;
pub mod tls;

#[cfg(feature = "app")]
pub use app::{Answer, Call, PASSWORD, TestApp};
pub use bocau_test_postgres::{Certificate as PostgresCertificate, Durability, PostgresServer, Stop};
pub use canary::CanaryListener;
pub use clock::{SeededRng, SimClock};
pub use database::TestDatabase;
#[cfg(target_os = "linux")]
pub use disk_faults::{DiskFault, DiskFaults, Image, PowerCut};
pub use fault_proxy::{Fault, FaultProxy};
pub use flaky_store::{FlakyStore, Verb};
pub use harness::{EngineHarness, HarnessOptions};
pub use name_server::{NameServer, Zone};
pub use raw_receiver::{RawAnswer, RawReceiver};
pub use receiver::{Gate, Receiver, ReceiverOptions, Reply, Request};
pub use resolver::{DnsAnswer, FakeResolver};
pub use tls::{Certificate, TestCa};
