//! The program as an operator meets it: real processes, real https, real kills.
//!
//! [`server`] runs the program and [`api`] talks to it; each of the other files is one subject.

mod api;
mod backup;
mod configuration;
mod crash;
mod delivery;
mod demo;
mod inbox;
mod keys;
mod moving;
mod nodes;
mod portal;
mod publishing;
mod restarts;
mod restore;
mod roles;
mod secrets;
mod server;
mod stopping;
mod users;
