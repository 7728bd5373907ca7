//! Whether the data directory can be used, found out by trying: permissions do not tell it where the file
//! system is read-only, full, or none that takes files.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::{Config, ConfigError, DATA_DIR, quoted};

impl Config {
    /// Refuses a data directory that is none, cannot be made or cannot be written to. Leaves nothing behind.
    pub fn check_data_dir(&self) -> Result<(), ConfigError> {
        let dir = &self.data_dir;
        let problem = match fs::metadata(dir) {
            Ok(metadata) if !metadata.is_dir() => "is not a directory".to_owned(),
            Ok(_) => match try_file_in(dir) {
                Ok(()) => return Ok(()),
                Err(error) => format!("cannot be written to: {error}"),
            },
            Err(_) if dir.symlink_metadata().is_ok() => "is a link that leads nowhere".to_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => match try_dir_in(&parent_of(dir)) {
                Ok(()) => return Ok(()),
                Err(error) => format!("cannot be made: {error}"),
            },
            Err(error) => format!("cannot be used: {error}"),
        };
        let setting = self.settings.iter().find(|setting| setting.key == DATA_DIR.name);
        let place = setting.map_or(DATA_DIR.name, |setting| &setting.place);
        let dir = quoted(&dir.display().to_string());
        Err(ConfigError(format!("{place}: the data directory {dir} {problem}")))
    }
}

/// The nearest directory above that is there.
fn parent_of(dir: &Path) -> PathBuf {
    let is_there = |parent: &&Path| parent.symlink_metadata().is_ok();
    let parent = dir.ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty()).find(is_there);
    parent.unwrap_or(Path::new(".")).to_owned()
}

/// A name that nobody else uses.
fn probe_in(dir: &Path) -> PathBuf {
    dir.join(format!(".bocau-check-{}", std::process::id()))
}

fn try_file_in(dir: &Path) -> io::Result<()> {
    let probe = probe_in(dir);
    OpenOptions::new().write(true).create(true).truncate(true).open(&probe)?;
    unless(fs::remove_file(probe), io::ErrorKind::NotFound)
}

fn try_dir_in(parent: &Path) -> io::Result<()> {
    let probe = probe_in(parent);
    unless(fs::create_dir(&probe), io::ErrorKind::AlreadyExists)?;
    unless(fs::remove_dir(probe), io::ErrorKind::NotFound)
}

/// Processes in containers that share a disk may have the same number, and be here at the same time.
fn unless(result: io::Result<()>, passed_over: io::ErrorKind) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == passed_over => Ok(()),
        result => result,
    }
}
