//! `bocau key`: API keys, made, listed and revoked beside the server or before it was ever started. A new key
//! stands alone on standard output and is shown this once.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, bail};
use bocau_api::auth::keys::new_key;
use bocau_domain::{Actor, ApiKey, ApiKeyId, Clock, IdSource, Owner, Rng, Scope, Scopes, StoreId, Timestamp};
use bocau_engine::{SystemClock, SystemRng};
use bocau_store::{Page, Store};
use clap::{Args, Subcommand};
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use secrecy::ExposeSecret as _;

use super::{ConfigArgs, block_on, rotate_master, tell, write_out};
use crate::config::{Config, DURATIONS, duration};
use crate::logging;
use crate::storage::{Storage, plain};

/// Characters of a key's name at most.
const NAME_LENGTH_MAX: usize = 200;
/// From here on a key is as good as one without an end.
const LIFETIME_MAX: Duration = Duration::from_hours(100 * 365 * 24);
/// Stores that are looked up at once.
const STORES_PER_PAGE: usize = 200;
/// The columns of the list.
const COLUMNS: [&str; 7] = ["ID", "FOR", "SCOPES", "CREATED", "EXPIRES", "LAST USED", "NAME"];

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make an API key and print it; it cannot be shown again
    Create(CreateArgs),
    /// List the API keys; the keys themselves are kept nowhere
    List(ListArgs),
    /// Take an API key away; a running server refuses it from then on
    Revoke(RevokeArgs),
    /// Change the master key and seal all secrets anew, also while servers run
    RotateMaster(RotateMasterArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only the keys of this store
    #[arg(long, value_name = "ID")]
    store: Option<StoreId>,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RotateMasterArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// The key's id, as the list shows it: key_…
    id: ApiKeyId,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// What people call the key
    #[arg(long)]
    name: String,
    /// The store it is for; without one it is a platform key, for all stores
    #[arg(long, value_name = "ID")]
    store: Option<StoreId>,
    /// What it may be used for
    #[arg(long, value_delimiter = ',', default_value = "publish,read,manage", value_parser = scope)]
    scopes: Vec<Scope>,
    /// How long it may be used, such as 90d or 12h [default: for ever]
    #[arg(long, value_name = "DURATION", value_parser = lifetime)]
    expires: Option<Duration>,
    #[command(flatten)]
    config: ConfigArgs,
}

fn scope(text: &str) -> Result<Scope, String> {
    Scope::parse(text).ok_or_else(|| "a scope is publish, read or manage".to_owned())
}

/// A duration, or a number of days.
fn lifetime(text: &str) -> Result<Duration, String> {
    let days = || {
        let days: u64 = text.strip_suffix('d')?.parse().ok()?;
        Some(Duration::from_secs(days.saturating_mul(24 * 3600)))
    };
    let span =
        days().or_else(|| duration(text)).ok_or_else(|| format!("give days, such as 90d, or {DURATIONS}"))?;
    if (Duration::from_secs(1)..=LIFETIME_MAX).contains(&span) {
        Ok(span)
    } else {
        Err(format!("is outside 1s to {}d", LIFETIME_MAX.as_secs() / 24 / 3600))
    }
}

pub(super) fn run(command: KeyCommand) -> anyhow::Result<()> {
    match command {
        KeyCommand::Create(args) => run_create(args),
        KeyCommand::List(ListArgs { store, config }) => {
            let config = config.load(vec![])?;
            logging::start_quietly(&config);
            block_on(list(config, store))
        }
        KeyCommand::RotateMaster(RotateMasterArgs { config }) => {
            let config = config.load(vec![])?;
            logging::start_quietly(&config);
            block_on(rotate_master::rotate(config))
        }
        KeyCommand::Revoke(RevokeArgs { id, config }) => {
            let config = config.load(vec![])?;
            logging::start_quietly(&config);
            block_on(revoke(config, id))
        }
    }
}

fn run_create(args: CreateArgs) -> anyhow::Result<()> {
    let CreateArgs { name, store, scopes, expires, config } = args;
    if name.trim().is_empty() || name.chars().count() > NAME_LENGTH_MAX {
        bail!("--name is 1 to {NAME_LENGTH_MAX} characters");
    }
    let config = config.load(vec![])?;
    logging::start_quietly(&config);
    let owner = store.map_or(Owner::Platform, Owner::Store);
    block_on(create(config, name, owner, scopes.into_iter().collect(), expires))
}

async fn create(
    config: Config,
    name: String,
    owner: Owner,
    scopes: Scopes,
    lifetime: Option<Duration>,
) -> anyhow::Result<()> {
    let Storage { store, master_key } = Storage::open(&config).await?;
    if let Owner::Store(id) = &owner
        && store.find_store(id).await.map_err(plain)?.is_none()
    {
        bail!(
            "there is no store {id} in {}; without --store the key is for all stores",
            config.data_dir.display()
        );
    }
    let (clock, rng): (Arc<dyn Clock>, Arc<dyn Rng>) = (Arc::new(SystemClock::new()), Arc::new(SystemRng));
    let token = new_key(&*rng);
    let now = clock.now();
    let expires_at = lifetime.map(|lifetime| now + lifetime);
    let id = IdSource::new(clock, rng).api_key_id();
    let key = ApiKey { id, name, owner, scopes, created_at: now, expires_at, last_used_at: None };
    let explanation = explanation(&key);
    let hash = master_key.hash_api_key(token.expose_secret());
    let made = store.create_api_key(key, hash, &Actor::System).await.map_err(plain)?;
    made.map_err(|reason| anyhow!("the key was not made: {reason:?}"))?;
    store.close().await;
    tell(&explanation);
    write_out(token.expose_secret())
}

/// All keys, or those of one store.
async fn list(config: Config, only: Option<StoreId>) -> anyhow::Result<()> {
    let Storage { store, .. } = Storage::open(&config).await?;
    let keys = match &only {
        Some(id) if store.find_store(id).await.map_err(plain)?.is_none() => {
            bail!("there is no store {id} in {}", config.data_dir.display())
        }
        Some(id) => store.list_api_keys(Some(id)).await.map_err(plain)?,
        None => all_keys(&*store).await?,
    };
    store.close().await;
    if keys.is_empty() {
        tell("There is no API key in the database; `bocau key create` makes one.");
    }
    if config.bootstrap_api_key.is_some() {
        tell("The configuration has one besides, bootstrap_api_key, which is in no list.");
    }
    write_out(&table(&keys, SystemClock::new().now()))
}

async fn revoke(config: Config, id: ApiKeyId) -> anyhow::Result<()> {
    let Storage { store, .. } = Storage::open(&config).await?;
    let key = all_keys(&*store).await?.into_iter().find(|key| key.id == id);
    let gone =
        format!("there is no API key {id} in {}; `bocau key list` shows them", config.data_dir.display());
    let Some(key) = key else { bail!(gone) };
    let owner = match &key.owner {
        Owner::Platform => None,
        Owner::Store(id) => Some(id),
    };
    let now = SystemClock::new().now();
    let is_revoked = store.revoke_api_key(owner, id, &Actor::System, now).await.map_err(plain)?;
    store.close().await;
    if !is_revoked {
        bail!(gone);
    }
    tell(&format!("{id} “{}” is revoked: no server takes it any more.", shown(&key.name)));
    Ok(())
}

/// The platform's keys, then those of each store.
async fn all_keys(store: &dyn Store) -> anyhow::Result<Vec<ApiKey>> {
    let mut keys = store.list_api_keys(None).await.map_err(plain)?;
    let mut after = None;
    loop {
        let page = Page { after, limit: STORES_PER_PAGE };
        let stores = store.list_stores(page).await.map_err(plain)?;
        for info in &stores {
            keys.extend(store.list_api_keys(Some(&info.id)).await.map_err(plain)?);
        }
        match stores.last() {
            Some(last) => after = Some(last.into()),
            None => return Ok(keys),
        }
    }
}

fn table(keys: &[ApiKey], now: Timestamp) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(COLUMNS);
    for key in keys {
        let whose = match &key.owner {
            Owner::Platform => "all stores".to_owned(),
            Owner::Store(store) => format!("store {store}"),
        };
        let scopes: Vec<&str> = key.scopes.iter().map(Scope::as_str).collect();
        let expires = match key.expires_at {
            None => "never".to_owned(),
            Some(end) if key.is_expired(now) => format!("{} (over)", date_of(end)),
            Some(end) => date_of(end),
        };
        let used = key.last_used_at.map_or_else(|| "never".to_owned(), date_of);
        let created = date_of(key.created_at);
        table.add_row([
            key.id.to_string(),
            whose,
            scopes.join(","),
            created,
            expires,
            used,
            shown(&key.name),
        ]);
    }
    table.trim_fmt()
}

/// A name that cannot do anything to the terminal or the lines around it.
fn shown(name: &str) -> String {
    name.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}

fn explanation(key: &ApiKey) -> String {
    let whose = match &key.owner {
        Owner::Platform => "a platform key, for all stores".to_owned(),
        Owner::Store(store) => format!("for store {store}"),
    };
    let scopes: Vec<&str> = key.scopes.iter().map(Scope::as_str).collect();
    let until = key.expires_at.map_or_else(|| "for ever".to_owned(), |end| format!("until {}", date_of(end)));
    format!(
        "{} “{}”: {whose}; it may {}, {until}.\nThe key follows; it cannot be shown again.",
        key.id,
        key.name,
        scopes.join(", ")
    )
}

fn date_of(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis())
        .map_or_else(|_| "the end of time".to_owned(), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_days_or_a_duration() {
        assert_eq!(lifetime("90d"), Ok(Duration::from_hours(90 * 24)));
        assert_eq!(lifetime("12h"), Ok(Duration::from_hours(12)));
        for text in ["", "d", "90", "1.5d", "-1d", "99999999999999999999d"] {
            assert!(lifetime(text).is_err_and(|error| error.starts_with("give days")), "{text}");
        }
        for text in ["0d", "10ms", "36501d", "99999999999999999999h"] {
            assert_eq!(lifetime(text), Err("is outside 1s to 36500d".to_owned()), "{text}");
        }
    }

    #[test]
    fn the_list_tells_all_about_a_key_and_lets_its_name_do_nothing() {
        let key = |owner, expires_at| ApiKey {
            id: ApiKeyId::from_bytes([7; 16]),
            name: "Quầy 1\n\u{1b}[31m".into(),
            owner,
            scopes: Scopes::ALL,
            created_at: Timestamp::from_millis(0),
            expires_at,
            last_used_at: Some(Timestamp::from_millis(90_000)),
        };
        let store = Owner::Store("552".parse().expect("an id"));
        let keys = [key(store, Some(Timestamp::from_millis(60_000))), key(Owner::Platform, None)];
        let text = table(&keys, Timestamp::from_millis(60_000));
        assert_eq!(text.lines().count(), 3, "{text}");
        for expected in [
            "store 552",
            "publish,read,manage",
            "1970-01-01T00:01:00Z (over)",
            "all stores",
            "never",
            "1970-01-01T00:01:30Z",
            "Quầy 1\u{fffd}\u{fffd}[31m",
        ] {
            assert!(text.contains(expected), "{expected} in\n{text}");
        }
    }

    #[test]
    fn the_default_scopes_are_all_of_them() {
        let scopes: Scopes =
            ["publish", "read", "manage"].into_iter().map(|text| scope(text).expect("one")).collect();
        assert_eq!(scopes, Scopes::ALL);
        assert!(scope("admin").is_err());
    }
}
