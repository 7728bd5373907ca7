//! Repository chores, called by the Makefile: `cargo run -p xtask -- tidy`.

mod postgres;
mod sbom;
mod tidy;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo run -p xtask -- tidy | sbom <file> | with-postgres <command> [arguments]";

fn main() -> ExitCode {
    // The manifest lies one directory below the root of the repository.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["tidy"] => tidy::run(root).map(|()| ExitCode::SUCCESS),
        ["sbom", target] => sbom::run(root, target).map(|()| ExitCode::SUCCESS),
        ["with-postgres", _, ..] => postgres::run(&arguments[1..]),
        _ => Err(anyhow::anyhow!(USAGE)),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
