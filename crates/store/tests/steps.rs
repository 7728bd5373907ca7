//! Each step of the schema only adds, so that the program before it still runs on it: no table, column or index of
//! before is gone or another, and nothing that was allowed is forbidden.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use bocau_testkit::TestDatabase;
use refinery::{Migration, Runner, Target};
use rusqlite::Connection;

mod of_sqlite {
    refinery::embed_migrations!("migrations/sqlite");
}

mod of_postgres {
    refinery::embed_migrations!("migrations/postgres");
}

/// What a program may go by: by name, what it is.
#[derive(Debug, Default, PartialEq, Eq)]
struct Schema {
    /// `table.column`: its type, whether it must be given, and whether it has a default.
    columns: BTreeMap<String, Column>,
    /// What forbids rows, by table and text: keys, unique indexes, checks and references.
    rules: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Column {
    kind: String,
    must_be_given: bool,
}

impl Schema {
    /// What the program before would stumble over.
    fn broken_by(&self, next: &Self) -> Vec<String> {
        let mut broken = Vec::new();
        for (name, column) in &self.columns {
            match next.columns.get(name) {
                None => broken.push(format!("{name} is gone")),
                Some(found) if found.kind != column.kind => {
                    broken.push(format!("{name} is {} now", found.kind));
                }
                Some(found) if found.must_be_given && !column.must_be_given => {
                    broken.push(format!("{name} must be given now"));
                }
                Some(_) => {}
            }
        }
        for (name, column) in &next.columns {
            let (table, _) = name.split_once('.').unwrap();
            let is_of_before = self.rules.contains_key(table);
            if is_of_before && column.must_be_given && !self.columns.contains_key(name) {
                broken.push(format!("{name} is new and must be given"));
            }
        }
        for (table, rules) in &self.rules {
            let found = next.rules.get(table);
            for rule in found.into_iter().flatten().filter(|rule| !rules.contains(rule)) {
                broken.push(format!("{table} has a new rule: {rule}"));
            }
        }
        broken
    }
}

fn versions(runner: &Runner) -> Vec<i32> {
    let mut versions: Vec<i32> = runner.get_migrations().iter().map(Migration::version).collect();
    versions.sort_unstable();
    versions
}

/// Compares the schemas of all steps.
#[track_caller]
fn check(schemas: &[(i32, Schema)]) {
    assert!(schemas.len() > 1);
    for pair in schemas.windows(2) {
        let ((before, old), (after, new)) = (&pair[0], &pair[1]);
        let broken = old.broken_by(new);
        assert!(broken.is_empty(), "a program of V{before} does not run on V{after}: {broken:#?}");
    }
}

fn sqlite_schema(side: &Connection) -> Schema {
    let mut schema = Schema::default();
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let names = |sql: &str| -> Vec<String> {
        let mut statement = side.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    for table in names(tables) {
        let mut columns = side
            .prepare(&format!(
                "SELECT name, type, \"notnull\" AND dflt_value IS NULL FROM pragma_table_info('{table}')"
            ))
            .unwrap();
        let column = |row: &rusqlite::Row<'_>| {
            let name: String = row.get(0)?;
            Ok((format!("{table}.{name}"), Column { kind: row.get(1)?, must_be_given: row.get(2)? }))
        };
        schema.columns.extend(columns.query_map([], column).unwrap().map(Result::unwrap));
        let unique = format!(
            "SELECT i.name || ' ' || i.partial || ' ' || (SELECT group_concat(c.name) FROM pragma_index_info(i.name) c) \
             FROM pragma_index_list('{table}') i WHERE i.\"unique\""
        );
        let mut rules = names(&unique);
        let text = names(&format!("SELECT sql FROM sqlite_schema WHERE name = '{table}'")).concat();
        rules.extend(text.split("CHECK").skip(1).map(|check| format!("CHECK{check}")));
        rules.extend(text.split("REFERENCES").skip(1).map(|to| format!("REFERENCES{to}")));
        schema.rules.insert(table, rules);
    }
    schema
}

#[test]
fn each_step_of_the_sqlite_schema_only_adds() {
    let mut side = Connection::open_in_memory().unwrap();
    let mut schemas = Vec::new();
    for version in versions(&of_sqlite::migrations::runner()) {
        of_sqlite::migrations::runner().set_target(Target::Version(version)).run(&mut side).unwrap();
        schemas.push((version, sqlite_schema(&side)));
    }
    check(&schemas);
}

fn postgres_schema(database: &TestDatabase) -> Schema {
    let mut schema = Schema::default();
    let columns = database.run(
        "SELECT table_name, column_name, data_type || coalesce('(' || character_maximum_length || ')', ''), \
         is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO' FROM information_schema.columns \
         WHERE table_schema = 'public'",
    );
    for line in columns.lines() {
        let [table, column, kind, must_be_given] = line.split('|').collect::<Vec<_>>().try_into().unwrap();
        let found = Column { kind: kind.to_owned(), must_be_given: must_be_given == "t" };
        schema.columns.insert(format!("{table}.{column}"), found);
        schema.rules.entry(table.to_owned()).or_default();
    }
    let rules = database.run(
        "SELECT r.relname, 'constraint ' || pg_get_constraintdef(c.oid) FROM pg_constraint c \
         JOIN pg_class r ON r.oid = c.conrelid WHERE r.relnamespace = 'public'::regnamespace \
         UNION SELECT r.relname, pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class r ON r.oid = i.indrelid \
         WHERE i.indisunique AND r.relnamespace = 'public'::regnamespace",
    );
    for line in rules.lines() {
        let (table, rule) = line.split_once('|').unwrap();
        schema.rules.get_mut(table).unwrap().push(rule.to_owned());
    }
    schema
}

#[tokio::test]
async fn each_step_of_the_postgres_schema_only_adds() {
    let database = TestDatabase::make().await;
    let (mut client, connection) =
        tokio_postgres::connect(&database.url_text(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let mut schemas = Vec::new();
    for version in versions(&of_postgres::migrations::runner()) {
        let runner = of_postgres::migrations::runner().set_target(Target::Version(version));
        runner.run_async(&mut client).await.unwrap();
        schemas.push((version, postgres_schema(&database)));
    }
    check(&schemas);
}

#[test]
fn what_a_program_of_before_would_stumble_over_is_found() {
    let schema = |sql: &str| {
        let side = Connection::open_in_memory().unwrap();
        side.execute_batch(sql).unwrap();
        sqlite_schema(&side)
    };
    let before = schema("CREATE TABLE t (a INTEGER, b TEXT NOT NULL)");
    for (after, found) in [
        ("CREATE TABLE t (a INTEGER)", "t.b is gone"),
        ("CREATE TABLE t (a TEXT, b TEXT NOT NULL)", "t.a is TEXT now"),
        ("CREATE TABLE t (a INTEGER NOT NULL, b TEXT NOT NULL)", "t.a must be given now"),
        ("CREATE TABLE t (a INTEGER, b TEXT NOT NULL, c TEXT NOT NULL)", "t.c is new and must be given"),
        (
            "CREATE TABLE t (a INTEGER, b TEXT NOT NULL); CREATE UNIQUE INDEX u ON t (a)",
            "t has a new rule: u 0 a",
        ),
        (
            "CREATE TABLE t (a INTEGER CHECK (a > 0), b TEXT NOT NULL)",
            "t has a new rule: CHECK (a > 0), b TEXT NOT NULL)",
        ),
    ] {
        assert_eq!(before.broken_by(&schema(after)), [found], "{after}");
    }
    let added = schema(
        "CREATE TABLE t (a INTEGER, b TEXT NOT NULL, c TEXT, d INTEGER NOT NULL DEFAULT 0); \
                        CREATE TABLE u (a INTEGER NOT NULL UNIQUE); CREATE INDEX i ON t (a)",
    );
    assert_eq!(before.broken_by(&added), Vec::<String>::new());
}
