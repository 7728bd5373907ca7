//! The suite on the store without a file and without threads, over which the engine is simulated.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use bocau_store::Store;
use bocau_store::conformance::world::Dice;
use bocau_store::seal::MasterKey;
use bocau_store::sqlite::SqliteStore;

bocau_store::conformance_suite!(make_store);

async fn make_store() -> ((), Arc<dyn Store>) {
    let master_key = MasterKey::generate(&Dice::new(1));
    ((), Arc::new(SqliteStore::in_memory(&master_key, Arc::new(Dice::new(2))).unwrap()))
}
