//! The plans that the server makes of the statements of every event while the tables are empty. It keeps them.

use std::sync::Arc;

use bocau_testkit::TestDatabase;

use super::claims::PAYLOADS;
use super::connection::Use;
use super::results::{HOLD, NOTED};
use super::{PostgresOptions, PostgresStore};
use crate::conformance::world::Dice;
use crate::seal::MasterKey;

/// A plan that compares rows with one another (“Join Filter”) takes as long as the square of how many there are: it took
/// most of the database's time, and up to two seconds a statement, while many deliveries waited.
#[tokio::test]
async fn rows_are_looked_up_one_by_one_also_by_a_plan_of_when_the_tables_were_empty() {
    let database = TestDatabase::make().await;
    let url = database.url_text().parse().expect("a URL");
    let options = PostgresOptions::new(url, MasterKey::generate(&Dice::new(1)), Arc::new(Dice::new(2)));
    let _store = PostgresStore::open(options).await.expect("opens");
    for (types, sql) in [
        ("text[], uuid[], uuid, uuid", HOLD),
        ("uuid[], bigint[], bigint[], text[], uuid, uuid", NOTED),
        ("uuid[], uuid, uuid", PAYLOADS),
    ] {
        let nulls = vec!["NULL"; types.split(", ").count()].join(", ");
        let settings = Use::Work.settings();
        let plan =
            database.run(&format!("{settings} PREPARE it ({types}) AS {sql}; EXPLAIN EXECUTE it ({nulls})"));
        assert!(plan.contains("Function Scan") && !plan.contains("Join Filter"), "{sql}:\n{plan}");
    }
}
