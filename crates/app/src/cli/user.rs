//! `bocau user`: people who may sign in, made beside the server or before it was ever started.

use std::io::Read as _;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use bocau_api::auth::passwords::{PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN, is_fit};
use bocau_api::{NewUser, create_user, hash_password};
use bocau_domain::{Actor, Clock, Email, IdSource, Rng, Role, StoreId, User};
use bocau_engine::{SystemClock, SystemRng};
use bocau_store::NotChanged;
use clap::{Args, Subcommand};
use secrecy::{ExposeSecret as _, SecretString};

use super::{ConfigArgs, block_on, tell, write_out};
use crate::config::Config;
use crate::logging;
use crate::storage::{Storage, plain};

/// More than a password ever takes, and little enough to read whatever comes.
const INPUT_BYTES_MAX: u64 = 4096;

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Make a user who signs in with a password, and print their id
    Create(CreateArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// The e-mail address to sign in with
    #[arg(long)]
    email: Email,
    /// What they may do: admin, member or viewer
    #[arg(long, value_parser = role)]
    role: Role,
    /// A store that a member or viewer is of; may be given several times
    #[arg(long = "store", value_name = "ID")]
    stores: Vec<StoreId>,
    /// Read the password from standard input: its first line
    #[arg(long, required = true)]
    password_stdin: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| "a role is admin, member or viewer".to_owned())
}

pub(super) fn run(command: UserCommand) -> anyhow::Result<()> {
    let UserCommand::Create(CreateArgs { email, role, stores, password_stdin: _, config }) = command;
    if role == Role::Admin && !stores.is_empty() {
        bail!("an admin has every store: leave --store out");
    }
    if role != Role::Admin && stores.is_empty() {
        bail!("a {role} is of some store: give --store");
    }
    let password = read_password()?;
    let config = config.load(vec![])?;
    logging::start_quietly(&config);
    block_on(create(config, email, role, stores, password))
}

fn read_password() -> anyhow::Result<SecretString> {
    let mut input = String::new();
    std::io::stdin()
        .take(INPUT_BYTES_MAX)
        .read_to_string(&mut input)
        .context("the password cannot be read from standard input")?;
    let password = SecretString::from(input.lines().next().unwrap_or_default());
    if !is_fit(password.expose_secret()) {
        bail!("a password has {PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters");
    }
    Ok(password)
}

async fn create(
    config: Config,
    email: Email,
    role: Role,
    stores: Vec<StoreId>,
    password: SecretString,
) -> anyhow::Result<()> {
    let Storage { store, .. } = Storage::open(&config).await?;
    let (clock, rng): (Arc<dyn Clock>, Arc<dyn Rng>) = (Arc::new(SystemClock::new()), Arc::new(SystemRng));
    let user = NewUser {
        created_at: clock.now(),
        password_hash: hash_password(password.expose_secret(), &*rng),
        id: IdSource::new(clock, rng).user_id(),
        email: email.clone(),
        role,
        stores,
    };
    let made = create_user(&*store, user, &Actor::System).await.map_err(plain)?;
    store.close().await;
    let user = match made {
        Ok(user) => user,
        Err(NotChanged::Taken) => bail!("there is a user with the address {email} already"),
        Err(NotChanged::NoStore) => {
            bail!("one of these stores is not there in {}", config.data_dir.display())
        }
        Err(reason) => bail!("the user was not made: {reason:?}"),
    };
    tell(&explanation(&user));
    write_out(&user.id.to_string())
}

fn explanation(user: &User) -> String {
    let stores: Vec<&str> = user.stores.iter().map(StoreId::as_str).collect();
    let place = if stores.is_empty() { "every store".to_owned() } else { stores.join(", ") };
    format!("{} may sign in as {} of {place}.", user.email, user.role)
}
