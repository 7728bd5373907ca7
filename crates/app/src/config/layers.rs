//! Where the texts of settings come from, one layer over the other.

use std::path::{Path, PathBuf};

use figment::providers::{Format as _, Toml};
use figment::value::{Dict, Map, Num, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::{ConfigError, EVENT_TYPES, FILE_DEFAULT, Inputs, KEYS, Key, quoted, unreadable};

/// What our variables begin with.
const PREFIX: &str = "BOCAU_";

/// Variables with our prefix that are no settings of the server. Kubernetes puts `…_SERVICE_HOST`,
/// `…_SERVICE_PORT…` and `…_PORT…` of every service into every container of a namespace, so a service that
/// is called `bocau` must not keep the server from starting; the last two are read by `bocau publish`.
const NO_SETTINGS: &[fn(&str) -> bool] = &[
    |name| name.starts_with("BOCAU_SERVICE_"),
    |name| name == "BOCAU_PORT" || name.starts_with("BOCAU_PORT_"),
    |name| name == "BOCAU_API_KEY",
    |name| name == "BOCAU_URL",
];

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    Default,
    File(PathBuf),
    Environment,
    Flag,
}

impl Origin {
    /// To be shown beside a value.
    pub(super) fn name(&self, key: &str) -> String {
        match self {
            Self::Default => "default".to_owned(),
            Self::File(path) => path.display().to_string(),
            Self::Environment | Self::Flag => self.place(key),
        }
    }

    /// What an error begins with.
    pub(super) fn place(&self, key: &str) -> String {
        match self {
            Self::Default => format!("default: {key}"),
            Self::File(path) => format!("{}: {key}", path.display()),
            Self::Environment => format!("{PREFIX}{}", key.to_ascii_uppercase()),
            Self::Flag => format!("--{}", key.replace('_', "-")),
        }
    }
}

/// One source of settings.
struct Layer {
    origin: Origin,
    values: Dict,
}

const DEFAULT: &str = "default";
const FILE: &str = "file";
const ENVIRONMENT: &str = "environment";
const FLAG: &str = "flag";

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        match &self.origin {
            Origin::Default => Metadata::named(DEFAULT),
            Origin::File(path) => Metadata::from(FILE, path.as_path()),
            Origin::Environment => Metadata::named(ENVIRONMENT),
            Origin::Flag => Metadata::named(FLAG),
        }
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// All sources, the later over the earlier.
pub(super) struct Layers {
    figment: Figment,
    /// The file that was read.
    file: Option<PathBuf>,
}

impl Layers {
    pub(super) fn gather(inputs: &Inputs) -> Result<Self, ConfigError> {
        let mut figment = Figment::from(Layer { origin: Origin::Default, values: defaults() });
        let file = read_file(inputs.file.as_deref())?;
        let path = file.as_ref().map(|(path, _)| path.clone());
        if let Some((path, values)) = file {
            figment = figment.merge(Layer { origin: Origin::File(path), values });
        }
        figment = figment.merge(Layer { origin: Origin::Environment, values: variables(inputs)? });
        let flags =
            inputs.flags.iter().map(|(key, text)| ((*key).to_owned(), Value::from(text.as_str()))).collect();
        figment = figment.merge(Layer { origin: Origin::Flag, values: flags });
        Ok(Self { figment, file: path })
    }

    /// The text of a setting and where it comes from.
    pub(super) fn text(&self, key: Key) -> Result<Option<(String, Origin)>, ConfigError> {
        let Ok(value) = self.figment.find_value(key.name) else { return Ok(None) };
        let origin = self.origin_of(key.name);
        let text = text_of(&value)
            .ok_or_else(|| ConfigError(format!("{}: a single value is expected", origin.place(key.name))))?;
        Ok(Some((text, origin)))
    }

    /// What an error about a setting begins with.
    pub(super) fn place(&self, key: Key) -> String {
        self.origin_of(key.name).place(key.name)
    }

    /// Whether nobody set it.
    pub(super) fn is_default(&self, key: Key) -> bool {
        self.origin_of(key.name) == Origin::Default
    }

    /// The tables of `[[event_types]]`, with the file they stand in.
    pub(super) fn event_types(&self) -> Result<Option<(&Path, Vec<Dict>)>, ConfigError> {
        let (Some(file), Ok(value)) = (self.file.as_deref(), self.figment.find_value(EVENT_TYPES)) else {
            return Ok(None);
        };
        let tables = value.into_array().and_then(|items| items.into_iter().map(Value::into_dict).collect());
        let refused =
            || ConfigError(format!("{}: {EVENT_TYPES} is written as [[{EVENT_TYPES}]]", file.display()));
        Ok(Some((file, tables.ok_or_else(refused)?)))
    }

    fn origin_of(&self, key: &str) -> Origin {
        let metadata = self.figment.find_metadata(key);
        match metadata.map(|metadata| metadata.name.as_ref()) {
            Some(FILE) => Origin::File(self.file.clone().unwrap_or_default()),
            Some(ENVIRONMENT) => Origin::Environment,
            Some(FLAG) => Origin::Flag,
            _ => Origin::Default,
        }
    }
}

fn defaults() -> Dict {
    KEYS.iter().filter_map(|key| Some((key.name.to_owned(), Value::from(key.default?)))).collect()
}

/// The file's values. One that was named must be there.
fn read_file(named: Option<&Path>) -> Result<Option<(PathBuf, Dict)>, ConfigError> {
    let path = named.unwrap_or(Path::new(FILE_DEFAULT));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ConfigError(unreadable(path, &error))),
    };
    let mut profiles = Toml::string(&text)
        .data()
        .map_err(|error| ConfigError(format!("{}: {}", path.display(), toml_problem(&error))))?;
    let values = profiles.remove(&Profile::Default).unwrap_or_default();
    let is_known = |name: &str| name == EVENT_TYPES || KEYS.iter().any(|key| key.name == name);
    if let Some(unknown) = values.keys().find(|name| !is_known(name)) {
        let known = KEYS.iter().map(|key| key.name).chain([EVENT_TYPES]).collect::<Vec<_>>().join(", ");
        return Err(ConfigError(format!(
            "{}: unknown key {}; known are {known}",
            path.display(),
            quoted(unknown)
        )));
    }
    Ok(Some((path.to_owned(), values)))
}

/// The place and the problem, without the lines between them that quote the file: one may be a secret.
fn toml_problem(error: &figment::Error) -> String {
    let text = match &error.kind {
        figment::error::Kind::Message(text) => text.clone(),
        other => other.to_string(),
    };
    let is_quote =
        |line: &&str| line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').starts_with('|');
    let told: Vec<&str> = text.lines().filter(|line| !is_quote(line) && !line.trim().is_empty()).collect();
    told.join(": ")
}

/// The variables that are settings. What has our prefix and is none is a slip of somebody's who would wonder
/// why it has no effect.
fn variables(inputs: &Inputs) -> Result<Dict, ConfigError> {
    let mut values = Dict::new();
    for (name, value) in &inputs.environment {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        if NO_SETTINGS.iter().any(|matches| matches(name)) {
            continue;
        }
        let is_meant = |key: &&Key| name[PREFIX.len()..] == key.name.to_ascii_uppercase();
        let Some(key) = KEYS.iter().find(is_meant) else {
            let known =
                KEYS.iter().map(|key| Origin::Environment.place(key.name)).collect::<Vec<_>>().join(", ");
            return Err(ConfigError(format!("{name}: unknown variable; known are {known}")));
        };
        let text = value.to_str().ok_or_else(|| ConfigError(format!("{name}: the value is not UTF-8")))?;
        values.insert(key.name.to_owned(), Value::from(text));
    }
    Ok(values)
}

/// A single value as the environment would write it; a list with commas.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(text.clone()),
        Value::Bool(_, flag) => Some(flag.to_string()),
        Value::Num(_, Num::F64(number)) => Some(number.to_string()),
        Value::Num(_, number) => number.to_i128().map(|number| number.to_string()),
        Value::Array(_, items) => {
            let texts: Option<Vec<String>> = items.iter().map(text_of).collect();
            texts.map(|texts| texts.join(","))
        }
        _ => None,
    }
}
