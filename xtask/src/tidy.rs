//! What the repository promises about itself and no compiler checks: sizes of files, who may depend on whom,
//! words that mean unfinished work, module docs, and that the paths in the documentation exist.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde_json::Value;

/// Lines of a Rust file from which on it should be taken apart.
const LINES_WARN: usize = 500;
/// Lines of a Rust file at most.
const LINES_MAX: usize = 600;
/// Directories that hold nothing of ours.
const SKIPPED_DIRS: &[&str] = &[".git", "target", "node_modules", "data", "dist"];
/// Files that are searched for words of unfinished work.
const TEXT_ENDINGS: &[&str] = &["rs", "toml", "md", "sql", "sh", "ts", "tsx", "css", "html", "yml", "yaml"];
/// Written so that this file does not find itself.
const UNFINISHED: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];

/// What a crate must not depend on, tests apart: the chain domain <- store <- engine <- api <- bocau, and what
/// belongs to one link of it alone.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "bocau-domain",
        &[
            "bocau-store",
            "bocau-engine",
            "bocau-api",
            "bocau",
            "bocau-testkit",
            "anyhow",
            "async-trait",
            "axum",
            "http",
            "hyper",
            "rusqlite",
            "serde",
            "serde_json",
            "tokio",
            "tracing",
        ],
    ),
    (
        "bocau-store",
        &["bocau-engine", "bocau-api", "bocau", "bocau-testkit", "anyhow", "axum", "http", "hyper", "utoipa"],
    ),
    (
        "bocau-engine",
        &["bocau-api", "bocau", "bocau-testkit", "anyhow", "axum", "refinery", "rusqlite", "utoipa"],
    ),
    ("bocau-api", &["bocau", "bocau-testkit", "anyhow", "hyper-rustls", "refinery", "rusqlite"]),
    ("bocau", &["bocau-testkit", "refinery", "rusqlite"]),
    ("bocau-testkit", &["bocau", "anyhow", "refinery", "rusqlite"]),
    ("bocau-test-postgres", &["bocau-domain", "bocau-testkit", "bocau", "anyhow", "tokio"]),
    ("xtask", &["bocau", "bocau-testkit", "rusqlite"]),
    ("bocau-bench", &["bocau", "bocau-testkit", "bocau-store", "bocau-engine", "bocau-api", "bocau-domain"]),
];

/// Checks everything; the error says how much was found, the findings are on standard error.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let files = files_under(root)?;
    let mut findings = Findings::default();
    for file in &files {
        check_text(root, file, &mut findings)?;
    }
    check_dependencies(root, &mut findings)?;
    check_documented_paths(root, &files, &mut findings)?;
    for warning in &findings.warnings {
        eprintln!("warning: {warning}");
    }
    for error in &findings.errors {
        eprintln!("error: {error}");
    }
    if !findings.errors.is_empty() {
        bail!("tidy found {} problem(s)", findings.errors.len());
    }
    println!("tidy: {} files are in order", files.len());
    Ok(())
}

#[derive(Default)]
struct Findings {
    errors: Vec<String>,
    warnings: Vec<String>,
}

/// All files of the repository, relative to its root.
fn files_under(root: &Path) -> anyhow::Result<BTreeSet<PathBuf>> {
    let mut files = BTreeSet::new();
    let mut dirs = vec![root.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(&dir).with_context(|| format!("{} cannot be read", dir.display()))? {
            let entry = entry?;
            let is_skipped = SKIPPED_DIRS.iter().any(|skipped| entry.file_name() == *skipped);
            let kind = entry.file_type()?;
            if kind.is_dir() && (!is_skipped || is_test_data(&entry.path())) {
                dirs.push(entry.path());
            } else if kind.is_file() {
                files.insert(entry.path().strip_prefix(root)?.to_owned());
            }
        }
    }
    Ok(files)
}

/// `tests/data` is ours, `data` is a server's.
fn is_test_data(path: &Path) -> bool {
    path.ends_with("tests/data")
}

fn check_text(root: &Path, file: &Path, findings: &mut Findings) -> anyhow::Result<()> {
    let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let is_makefile = file.file_name().is_some_and(|name| name == "Makefile");
    if !TEXT_ENDINGS.contains(&ending) && !is_makefile {
        return Ok(());
    }
    let text = std::fs::read_to_string(root.join(file))
        .with_context(|| format!("{} cannot be read", file.display()))?;
    for (index, line) in text.lines().enumerate() {
        if let Some(word) = UNFINISHED.iter().find(|word| line.contains(*word)) {
            findings.errors.push(format!(
                "{}:{}: {word}: finish it or write it down elsewhere",
                file.display(),
                index + 1
            ));
        }
    }
    if ending == "rs" {
        check_rust(file, &text, findings);
    }
    Ok(())
}

fn check_rust(file: &Path, text: &str, findings: &mut Findings) {
    let lines = text.lines().count();
    let said = format!("{}: {lines} lines", file.display());
    if lines > LINES_MAX {
        findings.errors.push(format!("{said}, more than {LINES_MAX}"));
    } else if lines > LINES_WARN {
        findings.warnings.push(format!("{said}, more than {LINES_WARN}"));
    }
    if !text.starts_with("//!") {
        findings.errors.push(format!("{}: begins without //! that says what it is for", file.display()));
    }
}

fn check_dependencies(root: &Path, findings: &mut Findings) -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(root)
        .output()
        .context("cargo metadata does not start")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata is no JSON")?;
    for package in list(&metadata["packages"]) {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, forbidden)) = FORBIDDEN.iter().find(|(known, _)| *known == name) else {
            findings
                .errors
                .push(format!("the crate {name} has no place in the chain that xtask/src/tidy.rs knows"));
            continue;
        };
        // Tests may use more: dev-dependencies have a kind.
        for dependency in list(&package["dependencies"]).filter(|dependency| dependency["kind"].is_null()) {
            let dependency = dependency["name"].as_str().unwrap_or_default();
            if forbidden.contains(&dependency) {
                findings.errors.push(format!("{name} must not depend on {dependency}"));
            }
        }
    }
    Ok(())
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Paths in backticks in the documentation must exist: from the root, beside the document, or as the end of a
/// file's path (`sqlite/mod.rs`).
fn check_documented_paths(
    root: &Path,
    files: &BTreeSet<PathBuf>,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    for document in files.iter().filter(|file| is_documentation(file)) {
        let text = std::fs::read_to_string(root.join(document))?;
        let beside = document.parent().unwrap_or(Path::new(""));
        for (index, line) in text.lines().enumerate() {
            for path in line.split('`').skip(1).step_by(2).filter(|quoted| means_a_path(root, quoted)) {
                let exists = root.join(path).exists()
                    || root.join(beside).join(path).exists()
                    || files.iter().any(|file| file.ends_with(path));
                if !exists {
                    findings.errors.push(format!(
                        "{}:{}: `{path}` does not exist",
                        document.display(),
                        index + 1
                    ));
                }
            }
        }
    }
    Ok(())
}

fn is_documentation(file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_readme = name.starts_with("README") && file.parent() == Some(Path::new(""));
    file.extension().is_some_and(|ending| ending == "md") && (is_readme || file.starts_with("docs"))
}

/// Whether what stands in backticks is a path of the repository: it has a slash and is under one of its
/// directories, or is named like one of its sources.
fn means_a_path(root: &Path, quoted: &str) -> bool {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "/._-".contains(character);
    let is_elsewhere = ["/", "./", "../"].iter().any(|start| quoted.starts_with(start));
    if is_elsewhere || !quoted.contains('/') || !quoted.chars().all(is_plain) {
        return false;
    }
    let is_ours = quoted.split('/').next().is_some_and(|first| root.join(first).is_dir());
    is_ours || Path::new(quoted).extension().is_some_and(|ending| ending == "rs" || ending == "sql")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings_of(text: &str) -> Findings {
        let mut findings = Findings::default();
        check_rust(Path::new("a.rs"), text, &mut findings);
        findings
    }

    #[test]
    fn a_rust_file_begins_with_its_purpose_and_is_not_too_long() {
        assert!(findings_of("//! A.\n").errors.is_empty());
        assert_eq!(findings_of("use x;\n").errors.len(), 1);
        let long = |lines: usize| findings_of(&format!("//! A.\n{}", "\n".repeat(lines - 1)));
        assert!(long(LINES_WARN).warnings.is_empty());
        assert_eq!(long(LINES_WARN + 1).warnings.len(), 1);
        assert!(long(LINES_MAX).errors.is_empty());
        assert_eq!(long(LINES_MAX + 1).errors.len(), 1);
    }

    #[test]
    fn a_path_in_backticks_is_told_from_other_things_in_backticks() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a root");
        for path in ["crates/app/src", "crates/none", "engine/lanes.rs", "xtask/"] {
            assert!(means_a_path(root, path), "{path}");
        }
        for other in [
            "application/json",
            "bocau.toml",
            "GET /livez",
            "/api/v1",
            "v1/<resource>/<verb>.rs",
            "./data",
            "10/8",
        ] {
            assert!(!means_a_path(root, other), "{other}");
        }
    }
}
