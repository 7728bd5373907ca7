//! What the program is built from, as `CycloneDX` 1.5 JSON: the crates of the released program (no tests, no build of
//! others) by `cargo metadata`, and the packages of the pages by `dashboard/package-lock.json`. The same inputs make
//! the same text.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

/// The crate that is the program.
const PROGRAM: &str = "bocau";

/// Writes the bill into `target`.
pub(crate) fn run(root: &Path, target: &str) -> Result<()> {
    let metadata = metadata(root)?;
    let mut components = crates(&metadata, &checksums(root)?)?;
    components.extend(packages(root)?);
    ensure!(components.len() > 100, "only {} parts were found", components.len());
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {
            "type": "application",
            "name": PROGRAM,
            "version": env!("CARGO_PKG_VERSION"),
            "licenses": [{"expression": "Apache-2.0"}],
        }},
        "components": components,
    });
    let path = root.join(target);
    std::fs::write(&path, format!("{bill:#}\n")).with_context(|| path.display().to_string())?;
    println!("{target}: {} parts", bill["components"].as_array().map_or(0, Vec::len));
    Ok(())
}

fn metadata(root: &Path) -> Result<Value> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let asked = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root)
        .output()?;
    ensure!(asked.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&asked.stderr));
    Ok(serde_json::from_slice(&asked.stdout)?)
}

/// The crates that the program has in it, with those that take part in building it, without those of tests.
fn crates(metadata: &Value, checksums: &BTreeMap<String, String>) -> Result<Vec<Value>> {
    let packages: BTreeMap<&str, &Value> = list(&metadata["packages"])?
        .iter()
        .filter_map(|package| Some((package["id"].as_str()?, package)))
        .collect();
    let nodes: BTreeMap<&str, &Value> = list(&metadata["resolve"]["nodes"])?
        .iter()
        .filter_map(|node| Some((node["id"].as_str()?, node)))
        .collect();
    let program = packages.iter().find(|(_, package)| package["name"] == PROGRAM).context("no such crate")?;
    let mut reached = BTreeSet::new();
    let mut waiting = vec![*program.0];
    while let Some(id) = waiting.pop() {
        if !reached.insert(id) {
            continue;
        }
        for dependency in list(&nodes.get(id).context("a crate without its dependencies")?["deps"])? {
            let is_built_in = list(&dependency["dep_kinds"])?.iter().any(|kind| kind["kind"] != "dev");
            if is_built_in {
                waiting.extend(dependency["pkg"].as_str());
            }
        }
    }
    let component = |id: &&str| {
        let package = packages.get(id).filter(|package| package["source"].is_string())?;
        let (name, version) = (package["name"].as_str()?, package["version"].as_str()?);
        let mut component = json!({
            "type": "library",
            "name": name,
            "version": version,
            "purl": format!("pkg:cargo/{name}@{version}"),
        });
        if let Some(license) = package["license"].as_str() {
            component["licenses"] = json!([{"expression": license.replace('/', " OR ")}]);
        }
        if let Some(checksum) = checksums.get(&format!("{name} {version}")) {
            component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
        }
        Some(component)
    };
    let mut found: Vec<Value> = reached.iter().filter_map(component).collect();
    found.sort_by_key(|component| component["purl"].as_str().map(str::to_owned));
    Ok(found)
}

/// The checksums of Cargo.lock, by name and version.
fn checksums(root: &Path) -> Result<BTreeMap<String, String>> {
    let lock = std::fs::read_to_string(root.join("Cargo.lock"))?;
    let value = |block: &str, name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""))?;
        Some(line.trim_end_matches('"').to_owned())
    };
    let of = |block: &str| {
        let (name, version) = (value(block, "name")?, value(block, "version")?);
        Some((format!("{name} {version}"), value(block, "checksum")?))
    };
    Ok(lock.split("[[package]]").filter_map(of).collect())
}

/// The packages that the pages are built from, without those that only build or test.
fn packages(root: &Path) -> Result<Vec<Value>> {
    let lock = std::fs::read_to_string(root.join("dashboard/package-lock.json"))?;
    let lock: Value = serde_json::from_str(&lock)?;
    let all = lock["packages"].as_object().context("the lock file has no packages")?;
    let component = |(path, package): (&String, &Value)| {
        if package["dev"] == true || package["devOptional"] == true {
            return None;
        }
        let (_, name) = path.rsplit_once("node_modules/")?;
        let version = package["version"].as_str()?;
        let mut component = json!({
            "type": "library",
            "name": name,
            "version": version,
            "purl": format!("pkg:npm/{}@{version}", name.replace('@', "%40")),
        });
        if let Some(license) = package["license"].as_str() {
            component["licenses"] = json!([{"expression": license}]);
        }
        Some(component)
    };
    Ok(all.iter().filter_map(component).collect())
}

fn list(value: &Value) -> Result<&Vec<Value>> {
    value.as_array().context("cargo metadata has another form than expected")
}
