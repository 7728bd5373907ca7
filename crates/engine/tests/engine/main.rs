//! What the engine promises, over real connections and a real database, with time in the test's hand.

mod debug_output;
mod delivery;
mod isolation;
mod misbehaviour;
mod name_server;
mod names;
mod recovery;
mod retention;
mod roles;
mod routing;
mod simulation;
mod store_failure;
mod timing;
