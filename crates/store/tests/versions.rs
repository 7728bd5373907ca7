//! Programs and schemas of neighbouring versions: an older schema is brought up to date or refused, a newer one is
//! gone on with.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::sync::Arc;

use bocau_store::conformance::world::{Dice, World};
use bocau_store::postgres::{self, PostgresOptions, PostgresStore};
use bocau_store::seal::MasterKey;
use bocau_store::sqlite::{self, DATABASE_FILE, SqliteOptions, SqliteStore};
use bocau_store::{Result, Store, StoreError};
use bocau_testkit::TestDatabase;
use refinery::Target;
use rusqlite::Connection;

mod of_sqlite {
    refinery::embed_migrations!("migrations/sqlite");
}

mod of_postgres {
    refinery::embed_migrations!("migrations/postgres");
}

/// A schema of which this program has never heard.
const NEWER: &str = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) \
                     VALUES (1000, 'of_tomorrow', '2030-01-01T00:00:00Z', '1')";

fn open_sqlite(dir: &Path, migrates: bool) -> Result<Arc<dyn Store>> {
    let options = SqliteOptions::new(dir, MasterKey::generate(&Dice::new(1)), Arc::new(Dice::new(2)));
    Ok(Arc::new(SqliteStore::open(SqliteOptions { migrates, ..options })?))
}

async fn open_postgres(database: &TestDatabase, migrates: bool) -> Result<Arc<dyn Store>> {
    let master_key = MasterKey::generate(&Dice::new(1));
    let options = PostgresOptions::new(database.url(), master_key, Arc::new(Dice::new(2)));
    Ok(Arc::new(PostgresStore::open(PostgresOptions { migrates, ..options }).await?))
}

/// A database as the first version of the program left it.
async fn first_postgres() -> TestDatabase {
    let database = TestDatabase::make().await;
    let (mut client, connection) =
        tokio_postgres::connect(&database.url_text(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    of_postgres::migrations::runner().set_target(Target::Version(1)).run_async(&mut client).await.unwrap();
    database
}

fn first_sqlite() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut connection = Connection::open(dir.path().join(DATABASE_FILE)).unwrap();
    of_sqlite::migrations::runner().set_target(Target::Version(1)).run(&mut connection).unwrap();
    dir
}

/// What is refused says which version it found, which it needs, and what to do.
#[track_caller]
fn refused(opened: Result<Arc<dyn Store>>, found: &str, needed: i32) {
    let Err(StoreError::Refused(text)) = opened else { panic!("it was opened") };
    let needed = format!("needs version {needed}");
    for part in [found, &needed, "bocau migrate"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

fn sqlite_needs() -> i32 {
    of_sqlite::migrations::runner().get_migrations().iter().map(refinery::Migration::version).max().unwrap()
}

fn postgres_needs() -> i32 {
    of_postgres::migrations::runner().get_migrations().iter().map(refinery::Migration::version).max().unwrap()
}

/// Whether a store does its work.
async fn works(store: Arc<dyn Store>) {
    let world = World::new(store).await;
    let webhook = world.make_webhook().await;
    world.send(webhook).await;
    for claimed in world.claim(webhook, 10).await {
        world.record(world.attempt(&claimed, 200)).await;
    }
    assert!(!world.store.sweep(world.now()).await.unwrap());
    world.store.close().await;
}

#[tokio::test]
async fn an_older_sqlite_schema_is_refused_where_it_may_not_be_changed() {
    let dir = first_sqlite();
    refused(open_sqlite(dir.path(), false), "has schema version 1", sqlite_needs());
    let path = dir.path().join(DATABASE_FILE);
    assert_eq!(sqlite::schema_version(&path).unwrap(), Some(1), "it was left as it was");
    open_sqlite(dir.path(), true).unwrap().close().await;
    assert_eq!(sqlite::schema_version(&path).unwrap(), Some(sqlite_needs()));
    works(open_sqlite(dir.path(), false).unwrap()).await;
}

#[tokio::test]
async fn an_older_postgres_schema_is_refused_where_it_may_not_be_changed() {
    let database = first_postgres().await;
    refused(open_postgres(&database, false).await, "has schema version 1", postgres_needs());
    let version = || database.run("SELECT max(version) FROM refinery_schema_history");
    assert_eq!(version(), "1", "it was left as it was");
    open_postgres(&database, true).await.unwrap().close().await;
    assert_eq!(version(), postgres_needs().to_string());
    works(open_postgres(&database, false).await.unwrap()).await;
}

#[tokio::test]
async fn where_nothing_may_be_changed_nothing_is_made() {
    let dir = tempfile::tempdir().unwrap();
    refused(open_sqlite(dir.path(), false), "has no schema yet", sqlite_needs());
    assert!(!dir.path().join(DATABASE_FILE).exists());
    let database = TestDatabase::make().await;
    refused(open_postgres(&database, false).await, "has no schema yet", postgres_needs());
    assert_eq!(postgres::schema_version(&database.url()).await.unwrap(), None);
}

#[tokio::test]
async fn a_newer_schema_is_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    open_sqlite(dir.path(), true).unwrap().close().await;
    let side = Connection::open(dir.path().join(DATABASE_FILE)).unwrap();
    side.execute(NEWER, []).unwrap();
    drop(side);
    for migrates in [true, false] {
        open_sqlite(dir.path(), migrates).unwrap().close().await;
    }
    works(open_sqlite(dir.path(), true).unwrap()).await;

    let database = TestDatabase::make().await;
    open_postgres(&database, true).await.unwrap().close().await;
    database.run(NEWER);
    for migrates in [true, false] {
        open_postgres(&database, migrates).await.unwrap().close().await;
    }
    works(open_postgres(&database, true).await.unwrap()).await;
}
