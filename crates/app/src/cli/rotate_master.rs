//! `bocau key rotate-master`: a new master key, and all that the old one sealed sealed anew with it, beside servers that
//! run. Where the key is a file, the command changes the file, and servers hear of it within seconds; where it is a
//! setting, whoever runs the servers changes that, and the command seals anew.

use std::time::Duration;

use anyhow::bail;
use bocau_engine::{EngineClock, SystemClock, SystemRng};
use bocau_store::Store;

use super::tell;
use crate::config::Config;
use crate::lifecycle::MASTER_KEY_LOOK;
use crate::storage::{Storage, plain};

/// Until every server has looked at the file, with room to spare.
const HEARD_AFTER: Duration = Duration::from_secs(3 * MASTER_KEY_LOOK.as_secs());

const NO_SECOND_KEY: &str = "\
BOCAU_MASTER_KEY has one key. To rotate it:
1. Make a new one: head -c 32 /dev/urandom | base64
2. Set BOCAU_MASTER_KEY='OLD,NEW' on every node and restart them one after the other: all of them can open what either sealed.
3. Set BOCAU_MASTER_KEY='NEW,OLD,tokens=OLD' on every node and restart them: NEW seals from now on.
4. Run this command with that setting. Then leave the second key out: 'NEW,tokens=OLD'.
OLD stays behind tokens=, for the hashes of API keys and sessions, and opens nothing any more";

pub(super) async fn rotate(config: Config) -> anyhow::Result<()> {
    let Storage { store, master_key } = Storage::open(&config).await?;
    let clock = SystemClock::new();
    let is_in_file = master_key.is_in_file();
    if is_in_file {
        // One that was broken off is gone on with.
        if !master_key.has_old() {
            master_key.rotate(&SystemRng).map_err(plain)?;
        }
        tell("a new master key seals from now on; servers that run hear of it within seconds");
        clock.sleep(HEARD_AFTER).await;
    } else if !master_key.has_old() {
        store.close().await;
        bail!(NO_SECOND_KEY);
    }
    let mut count = reseal(&*store).await?;
    if is_in_file {
        // What a server was sealing meanwhile.
        clock.sleep(HEARD_AFTER).await;
        count += reseal(&*store).await?;
        master_key.forget_old(&SystemRng).map_err(plain)?;
    }
    tell(&format!("{count} secrets are sealed anew, and none is left of an older master key"));
    tell(if is_in_file {
        "Copy the key file to where you keep it safe. Backups made before need the old key, with which they were sealed."
    } else {
        "Leave the older keys out of BOCAU_MASTER_KEY now, but for the one behind tokens=."
    });
    store.close().await;
    Ok(())
}

/// Until nothing is left of an older key.
async fn reseal(store: &dyn Store) -> anyhow::Result<usize> {
    let mut count = 0;
    loop {
        match store.reseal().await.map_err(plain)? {
            0 => return Ok(count),
            some => count += some,
        }
    }
}
