//! The operator's own event types: `[[event_types]]` of the file, added to the built-in ones.
//!
//! ```toml
//! [[event_types]]
//! name = "shipment.created"
//! label_vi = "Vận đơn mới"
//! label_en = "Shipment created"
//! sample_file = "shipment.json"       # beside this file; {} without it
//! schema_file = "shipment.schema.json" # any object without it
//! sample_object_id = "1"
//! group = "shipment"                  # the part before the first dot without it
//! ```

use std::path::Path;
use std::sync::Arc;

use bocau_domain::catalogue::ANY_OBJECT_SCHEMA;
use bocau_domain::limits::PAYLOAD_BYTES_MAX;
use bocau_domain::{Catalogue, CatalogueEntry, EventType, ObjectId};
use figment::value::{Dict, Value};

use super::layers::Layers;
use super::{ConfigError, EVENT_TYPES, Setting, quoted, unreadable};

const KNOWN: &[&str] =
    &["name", "label_vi", "label_en", "group", "sample_file", "schema_file", "sample_object_id"];

/// The payload of “gửi thử” where the operator gives no sample.
const SAMPLE_DEFAULT: &str = "{}";
const SAMPLE_OBJECT_ID_DEFAULT: &str = "1";

/// The whole catalogue; notes the added types among the settings.
pub(super) fn read(layers: &Layers, settings: &mut Vec<Setting>) -> Result<Catalogue, ConfigError> {
    let mut catalogue = Catalogue::built_in();
    let Some((file, tables)) = layers.event_types()? else { return Ok(catalogue) };
    for (index, table) in tables.iter().enumerate() {
        let located = |problem| ConfigError(format!("{}: {EVENT_TYPES}[{index}]: {problem}", file.display()));
        let entry = entry(table, file).map_err(located)?;
        let (key, value) = (format!("{EVENT_TYPES}[{index}]"), entry.name.to_string());
        let (origin, place) = (file.display().to_string(), format!("{}: {key}", file.display()));
        settings.push(Setting { key, value, origin, place });
        catalogue.add(entry).map_err(|error| located(error.to_string()))?;
    }
    Ok(catalogue)
}

fn entry(table: &Dict, file: &Path) -> Result<CatalogueEntry, String> {
    if let Some(unknown) = table.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        return Err(format!("unknown key {}; known are {}", quoted(unknown), KNOWN.join(", ")));
    }
    let name: EventType = needed(table, "name")?.parse().map_err(|error| {
        format!("name: {} is refused: {error}", quoted(needed(table, "name").unwrap_or_default()))
    })?;
    let group = text(table, "group")?.unwrap_or_else(|| name.as_str().split('.').next().unwrap_or_default());
    let sample = json_file(table, "sample_file", file)?.unwrap_or_else(|| SAMPLE_DEFAULT.into());
    let schema = json_file(table, "schema_file", file)?.unwrap_or_else(|| ANY_OBJECT_SCHEMA.into());
    let sample_object_id = text(table, "sample_object_id")?.unwrap_or(SAMPLE_OBJECT_ID_DEFAULT);
    sample_object_id.parse::<ObjectId>().map_err(|error| format!("sample_object_id: {error}"))?;
    Ok(CatalogueEntry {
        group: group.into(),
        label_vi: needed(table, "label_vi")?.to_owned(),
        label_en: needed(table, "label_en")?.to_owned(),
        sample,
        schema,
        sample_object_id: sample_object_id.to_owned(),
        name,
    })
}

fn text<'a>(table: &'a Dict, key: &str) -> Result<Option<&'a str>, String> {
    match table.get(key) {
        None => Ok(None),
        Some(Value::String(_, text)) if !text.trim().is_empty() => Ok(Some(text)),
        Some(_) => Err(format!("{key} must be a text in quotes, and not empty")),
    }
}

fn needed<'a>(table: &'a Dict, key: &str) -> Result<&'a str, String> {
    text(table, key)?.ok_or_else(|| format!("{key} is missing"))
}

/// A JSON object in a file whose path is relative to the configuration file.
fn json_file(table: &Dict, key: &str, file: &Path) -> Result<Option<Arc<str>>, String> {
    let Some(name) = text(table, key)? else { return Ok(None) };
    let path = file.parent().unwrap_or(Path::new("")).join(name);
    let json =
        std::fs::read_to_string(&path).map_err(|error| format!("{key}: {}", unreadable(&path, &error)))?;
    if json.len() > PAYLOAD_BYTES_MAX {
        return Err(format!("{key}: {} has more than {PAYLOAD_BYTES_MAX} bytes", path.display()));
    }
    match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&json) {
        Ok(_) => Ok(Some(json.into())),
        Err(error) => Err(format!("{key}: {} is not a JSON object: {error}", path.display())),
    }
}
