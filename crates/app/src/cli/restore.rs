//! `bocau restore`: puts a backup in the database's place, while no server runs.
//!
//! The backup is copied into the data directory, checked and opened there with the master key; only then are
//! the files of the old database, its log with it, given other names, and the copy takes theirs.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use bocau_domain::{Clock as _, Rng};
use bocau_engine::{SystemClock, SystemRng};
use bocau_store::sqlite::{DATABASE_FILE, DataDirLock, SqliteOptions, check_backup};
use bocau_store::{MasterKey, Store as _, StoreError};
use clap::Args;

use super::{ConfigArgs, block_on, tell};
use crate::config::Config;
use crate::logging;
use crate::storage::{self, database_path, master_key_path, plain};

/// What `SQLite` keeps beside a database: what is committed and not yet in it, and an index of that.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The file that `bocau backup` wrote
    backup: PathBuf,
    /// Replace the database that is there; its files are kept under other names
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: RestoreArgs) -> anyhow::Result<()> {
    let RestoreArgs { backup, force, config } = args;
    let config = config.load(vec![])?;
    logging::start_quietly(&config);
    if let Some(url) = &config.database_url {
        bail!("{url} is restored by PostgreSQL's own tools; this puts a SQLite file in its place");
    }
    config.check_data_dir()?;
    let (source, database) = (open_backup(&backup)?, database_path(&config));
    let key = master_key(&config)?;
    let _lock = DataDirLock::acquire(&config.data_dir)
        .map_err(|error| plain(error).context("a backup is restored while no server runs"))?;
    if is_same_file(&backup, &database) {
        bail!("{} is the database itself", backup.display());
    }
    if database.exists() && !force {
        bail!(
            "{} is there; with --force the backup takes its place, and it is kept under another name",
            database.display()
        );
    }
    let staged =
        Staged::copy(source, &config.data_dir).context("the backup cannot be copied; nothing was changed")?;
    check(&staged, key, &config)?;
    let kept = replace(&database, &staged.database())
        .with_context(|| format!("{} cannot be replaced", database.display()))?;
    drop(staged);
    tell(&explanation(&backup, &database, kept.as_deref()));
    Ok(())
}

/// A file that can be copied without losing what stands beside it.
fn open_backup(path: &Path) -> anyhow::Result<File> {
    let unreadable = || format!("{} cannot be read", path.display());
    let file = File::open(path).with_context(unreadable)?;
    if !file.metadata().with_context(unreadable)?.is_file() {
        bail!("{} is no file", path.display());
    }
    let log = beside(path, BESIDE[0]);
    if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        bail!(
            "{} is a database in use, for {} lies beside it, and a copy without that lacks the latest changes; \
             `bocau backup` makes a file that can be restored",
            path.display(),
            log.display()
        );
    }
    Ok(file)
}

/// The key that the server will use. None is made: a new one opens no backup.
fn master_key(config: &Config) -> anyhow::Result<MasterKey> {
    if let Some(key) = &config.master_key {
        return Ok(key.clone());
    }
    let file = master_key_path(config);
    if !file.exists() {
        bail!(
            "{} is missing: put the master key there that the backup belongs to (chmod 600), or set \
             BOCAU_MASTER_KEY; without it nobody can read the backup",
            file.display()
        );
    }
    MasterKey::load_or_create(&config.data_dir, &SystemRng).map_err(plain)
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).ok();
    real(one).is_some_and(|one| Some(one) == real(other))
}

/// A copy of the backup in a directory of its own, on the same disk as the database. It goes when it is dropped.
struct Staged(PathBuf);

impl Staged {
    fn copy(mut source: File, data_dir: &Path) -> io::Result<Self> {
        let staged = Self(data_dir.join(format!("restoring-{}", std::process::id())));
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&staged.0)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        io::copy(&mut source, &mut options.open(staged.database())?)?;
        Ok(staged)
    }

    fn database(&self) -> PathBuf {
        self.0.join(DATABASE_FILE)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // What is left in the way of nobody is left.
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Opens the copy as a server would, which also brings it to this version's schema, and makes it durable.
fn check(staged: &Staged, key: MasterKey, config: &Config) -> anyhow::Result<()> {
    let unchanged = "the backup cannot be used; nothing was changed";
    let database = staged.database();
    check_backup(&database).map_err(plain).context(unchanged)?;
    let rng: Arc<dyn Rng> = Arc::new(SystemRng);
    let options = SqliteOptions::new(&staged.0, key, rng);
    block_on(async {
        let store = storage::open(options).await?.map_err(|error| match error {
            StoreError::Corrupt(text) => plain(StoreError::Corrupt(text)).context(wrong_key(config)),
            error => plain(error).context(unchanged),
        })?;
        let works = store.ping().await;
        store.close().await;
        works.map_err(plain).context(unchanged)
    })?;
    let log = beside(&database, BESIDE[0]);
    if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        bail!("{unchanged}: {} was not written back", log.display());
    }
    File::open(&database).and_then(|file| file.sync_all()).context(unchanged)
}

fn wrong_key(config: &Config) -> String {
    let file = master_key_path(config).display().to_string();
    let place = if config.master_key.is_some() {
        "the master key of the configuration (master_key, BOCAU_MASTER_KEY)".to_owned()
    } else {
        format!("the master key in {file}")
    };
    format!(
        "the backup does not open with {place}; nothing was changed. Put the key that belongs to the backup into \
         {file}, or set BOCAU_MASTER_KEY to it, and keep the other: it opens the database of now"
    )
}

/// Gives the old files other names and the new one theirs; answers the old database's new name. Where that
/// fails in the middle, the old names come back.
fn replace(database: &Path, staged: &Path) -> io::Result<Option<PathBuf>> {
    let kept = free_name(database);
    let mut moved = Vec::new();
    // The log first: under a database that is not its own it would be taken for its own.
    for suffix in BESIDE.into_iter().chain([""]) {
        let (from, to) = (beside(database, suffix), beside(&kept, suffix));
        match fs::rename(&from, &to) {
            Ok(()) => moved.push((from, to)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(undone(error, &moved)),
        }
    }
    fs::rename(staged, database).map_err(|error| undone(error, &moved))?;
    let dir = database.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(dir)?.sync_all()?;
    Ok(kept.exists().then_some(kept))
}

fn undone(error: io::Error, moved: &[(PathBuf, PathBuf)]) -> io::Error {
    for (from, to) in moved.iter().rev() {
        if let Err(failed) = fs::rename(to, from) {
            return io::Error::other(format!(
                "{error}; what was {} is now {} ({failed})",
                from.display(),
                to.display()
            ));
        }
    }
    error
}

fn free_name(database: &Path) -> PathBuf {
    let now = jiff::Timestamp::from_millisecond(SystemClock::new().now().as_millis()).unwrap_or_default();
    let name = beside(database, &format!(".before-restore-{}", now.strftime("%Y%m%dT%H%M%SZ")));
    let is_free = |name: &PathBuf| BESIDE.iter().chain(&[""]).all(|suffix| !beside(name, suffix).exists());
    let numbered = (2_u32..).map(|number| beside(&name, &format!("-{number}")));
    std::iter::once(name.clone()).chain(numbered).find(is_free).unwrap_or(name)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn explanation(backup: &Path, database: &Path, kept: Option<&Path>) -> String {
    let kept = kept.map_or_else(String::new, |kept| {
        format!(
            "The database of before is kept as {}. To go back to it, stop the server and give it its old name \
             again; where files with -wal and -shm at the end lie beside it, them too.\n",
            kept.display()
        )
    });
    format!(
        "Restored {} to {}.\n{kept}\
         Everything is as it was at the time of the backup. What came later is not there: publish it again. What \
         was waiting then is sent when the server starts, also what receivers have had since (with the same \
         webhook-id). API keys and webhooks that were taken away since are back: see `bocau key list`.\n\
         Next: `bocau check-config`, then start the server as usual.",
        backup.display(),
        database.display()
    )
}
