//! `bocau key create`: API keys, made beside the server or before it was ever started. The key stands alone on
//! standard output and is shown this once.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bocau_domain::api_key::KEY_PREFIX;
use bocau_domain::{ApiKey, Clock, IdSource, Owner, Rng, Scope, Scopes, StoreId, Timestamp};
use bocau_engine::{SystemClock, SystemRng};
use clap::{Args, Subcommand};
use secrecy::{ExposeSecret as _, SecretString};

use super::{ConfigArgs, block_on, tell, write_out};
use crate::config::{Config, DURATIONS, duration};
use crate::logging;
use crate::storage::{Storage, plain};

/// 256 bits, so that nobody finds a key by trying.
const TOKEN_BYTES: usize = 32;
/// Characters of a key's name at most.
const NAME_LENGTH_MAX: usize = 200;

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make an API key and print it; it cannot be shown again
    Create(CreateArgs),
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
        days.checked_mul(24 * 3600).map(Duration::from_secs)
    };
    let is_some_time = |span: &Duration| *span >= Duration::from_secs(1);
    days()
        .or_else(|| duration(text))
        .filter(is_some_time)
        .ok_or_else(|| format!("give days, such as 90d, or {DURATIONS}"))
}

pub(super) fn run(command: KeyCommand) -> anyhow::Result<()> {
    let KeyCommand::Create(CreateArgs { name, store, scopes, expires, config }) = command;
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
    let token = new_token(&*rng);
    let now = clock.now();
    let expires_at = lifetime.map(|lifetime| now + lifetime);
    let id = IdSource::new(clock, rng).api_key_id();
    let key = ApiKey { id, name, owner, scopes, created_at: now, expires_at };
    let explanation = explanation(&key);
    let made =
        store.create_api_key(key, master_key.hash_api_key(token.expose_secret())).await.map_err(plain)?;
    made.map_err(|reason| anyhow!("the key was not made: {reason:?}"))?;
    store.close().await;
    tell(&explanation);
    write_out(token.expose_secret())
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

/// A new key: the prefix and the base64url of 32 random bytes.
pub(crate) fn new_token(rng: &dyn Rng) -> SecretString {
    let mut bytes = [0; TOKEN_BYTES];
    rng.fill(&mut bytes);
    SecretString::from(format!("{KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_is_well_formed_and_has_256_bits() {
        let token = new_token(&SystemRng);
        let text = token.expose_secret();
        assert!(bocau_domain::api_key::is_well_formed(text));
        assert_eq!(text.len(), KEY_PREFIX.len() + 43);
        assert_ne!(text, new_token(&SystemRng).expose_secret());
    }

    #[test]
    fn a_lifetime_is_days_or_a_duration() {
        assert_eq!(lifetime("90d"), Ok(Duration::from_hours(90 * 24)));
        assert_eq!(lifetime("12h"), Ok(Duration::from_hours(12)));
        for text in ["", "d", "0d", "90", "1.5d", "-1d", "10ms", "99999999999999999999d"] {
            assert!(lifetime(text).is_err(), "{text}");
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
