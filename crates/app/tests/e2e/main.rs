//! The program as an operator meets it: real processes, real https, real kills.
//!
//! [`server`] runs the program, [`api`] talks to it, and [`ledger`] keeps the books of what was acknowledged and what arrived; each of
//! the other files is one subject.

mod api;
mod backup;
mod backup_under_load;
mod configuration;
mod crash;
mod database_tls;
mod delivery;
mod demo;
#[cfg(target_os = "linux")]
mod disk;
mod hostile_receivers;
mod inbox;
mod keys;
mod ledger;
mod moving;
mod network;
mod nodes;
mod offering;
mod overload;
mod personal;
mod portal;
#[cfg(target_os = "linux")]
mod power;
mod publishing;
mod restarts;
mod restore;
mod roles;
mod rotate_master;
mod secrets;
mod server;
mod shard_moves;
mod shards;
mod stopping;
mod tls;
mod upgrade;
mod users;
