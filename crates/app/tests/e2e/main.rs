//! The program as an operator meets it: real processes, real https, real kills.
//!
//! [`server`] runs the program, [`postgres_server`] a database of its own, and [`api`] talks to the program; each of the other files is one subject.

mod api;
mod backup;
mod configuration;
mod crash;
mod database_tls;
mod delivery;
mod demo;
mod hostile_receivers;
mod inbox;
mod keys;
mod moving;
mod nodes;
mod personal;
mod portal;
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
mod users;
