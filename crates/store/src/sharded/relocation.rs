//! A store moves from one database to another while it is used.
//!
//! Most of it is copied while everything goes on. Then the store stands still for a moment: nothing new begins, what
//! is in flight ends, what changed since is copied, and the directory says where the store is from now on. Each step
//! is noted where it is made, so that whoever does it again after a crash goes on where it ended:
//!
//! 1. the directory says `moving`, and the target has a row of the store that is `away`;
//! 2. deliveries are copied, then compared with what they have become, while the store is used;
//! 3. the source is `draining`: publishers hear 503, nothing is claimed, attempts in flight are recorded;
//! 4. the source is `away`: nothing is written there any more. What differs is copied, then all the rest, and with
//!    that the target's row says that the store is there;
//! 5. the directory names the target and says `moved`; every node hears it. The source notes that it may let go, and
//!    its sweeping removes the rows once no node looks there any more.

use std::time::Duration;

use bocau_domain::{StoreId, StoreInfo};

use super::ShardedStore;
use super::part::{Part, ask};
use crate::postgres::{Entry, EntryState, HOME, PostgresStore, Standing, Transfer, schema_version};
use crate::{Result, Store as _, StoreError};

/// Between two ranges that are copied, so that the two servers have time for others.
const BREATH: Duration = Duration::from_millis(10);
/// Between two looks at what is in flight still.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// What is in flight ends within this, or its lease does.
const DRAIN_MAX: Duration = Duration::from_secs(90);

/// How far a move has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveStep {
    /// So many deliveries have been copied; the store is used meanwhile.
    Copied(u64),
    /// So many were compared, or had changed since, and so many copied again.
    Compared(u64, u64),
    /// The store stands still until so many attempts have ended.
    Draining(u64),
    /// The rest is being copied.
    Still,
    /// It is at its new place.
    Moved,
    /// It was there already, or stays where it was.
    Stayed,
}

/// What is known of a database.
#[derive(Debug, Clone)]
pub struct ShardReport {
    /// Its name.
    pub name: String,
    /// Where it is, without a password.
    pub url: String,
    /// How many stores it has.
    pub stores: u64,
    /// Its size and its schema's version, or why it does not say.
    pub state: std::result::Result<(u64, i32), String>,
}

impl ShardedStore {
    /// What is known of each database, the home first.
    ///
    /// # Errors
    ///
    /// Those of the home.
    pub async fn report(&self) -> Result<Vec<ShardReport>> {
        let home = self.home();
        let stores = ask!(home, |db| db.stores_per_shard())?;
        let mut reports = Vec::new();
        for part in &self.parts {
            let size = ask!(part, |db| db.bytes());
            let state = match size {
                Ok(bytes) => schema_version(part.url()).await.map(|version| (bytes, version.unwrap_or(0))),
                Err(error) => Err(error),
            };
            reports.push(ShardReport {
                name: part.name().to_owned(),
                url: part.url().to_string(),
                stores: stores.iter().find(|(name, _)| name == part.name()).map_or(0, |(_, count)| *count),
                state: state.map_err(|error| error.to_string()),
            });
        }
        Ok(reports)
    }

    /// Moves a store to the database of this name, or goes on with its move; a move that has not come to its end
    /// is called off by moving back to where the store is. `tell` hears of each step.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] where there is no such store or database, or the store is moving elsewhere or being
    /// moved by another; [`StoreError::Unavailable`] where a database does not answer: do it again.
    pub async fn relocate(
        &self,
        store: &StoreId,
        to: &str,
        tell: &mut (dyn FnMut(MoveStep) + Send),
    ) -> Result<()> {
        let home = self.home();
        let target = self.directory.place_named(to).and_then(|place| self.part(place));
        let target = target.map_err(|_| StoreError::Refused(format!("there is no shard {to}")))?;
        let Some(_held) = ask!(home, |db| db.lock_move(store))? else {
            return Err(StoreError::Refused(format!("{store} is being moved by another process")));
        };
        let Some(info) = home.find_store(store).await? else {
            return Err(StoreError::Refused(format!("there is no store {store}")));
        };
        let entry = ask!(home, |db| db.entry(store))?;
        let from = entry.as_ref().map_or(HOME, |entry| entry.shard.as_str());
        let source = self.part(self.directory.place_named(from)?)?;
        let other = entry.as_ref().and_then(|entry| entry.other.as_deref());
        match entry.as_ref().map_or(EntryState::Made, |entry| entry.state) {
            EntryState::Moving if other == Some(to) => {}
            EntryState::Moving if from == to => return self.call_off(source, other, store, tell).await,
            EntryState::Moving => {
                let other = other.unwrap_or("another shard");
                return Err(StoreError::Refused(format!(
                    "{store} is moving to {other}: end that first, or call it off by moving it to {from}"
                )));
            }
            EntryState::Making => return Err(StoreError::Refused(format!("{store} is being made"))),
            EntryState::Made | EntryState::Moved if from == to => {
                tell(MoveStep::Stayed);
                return Ok(());
            }
            EntryState::Moved => {
                self.let_go_of(store, other.unwrap_or(HOME)).await?;
                if ask!(home, |db| db.entry(store))?.is_some_and(|entry| entry.state == EntryState::Moved) {
                    let old = other.unwrap_or("its old place");
                    return Err(StoreError::Unavailable(format!(
                        "{old} does not know yet that {store} moved"
                    )));
                }
            }
            EntryState::Made => {}
        }
        if entry.is_none_or(|entry| entry.state != EntryState::Moving) {
            // Before anything is noted: a target that does not answer changes nothing.
            target.open_store()?;
            ask!(home, |db| db.begin_move(store, source.name(), to))?;
        }
        self.carry_or_undo(source, target, &info, tell).await?;
        let moved = (EntryState::Moved, Some(source.name()));
        ask!(home, |db| db.end_move(store, to, moved))?;
        self.directory.forget(store);
        tell(MoveStep::Moved);
        self.let_go_of(store, source.name()).await
    }

    /// Brings all of a store to the target. Where that does not come about, the store goes on at its old place, save
    /// where nobody can tell whether it has arrived.
    async fn carry_or_undo(
        &self,
        source: &Part,
        target: &Part,
        info: &StoreInfo,
        tell: &mut (dyn FnMut(MoveStep) + Send),
    ) -> Result<()> {
        let mut is_arriving = false;
        let carried = {
            let carry = self.carry(source, target, info, tell, &mut is_arriving);
            // Nobody stands still for a server that hangs.
            let (mut old_state, mut new_state) = (source.reach()?.1, target.reach()?.1);
            tokio::select! {
                carried = carry => carried,
                error = source.gone(&mut old_state) => Err(error),
                error = target.gone(&mut new_state) => Err(error),
            }
        };
        if let (Err(error), false) = (&carried, is_arriving) {
            tracing::warn!(%error, store = %info.id, "the move of a store broke off; it goes on at its old place");
            let from = source.open_store()?;
            match from.standing(&info.id).await? {
                Some(Standing::Draining | Standing::Away) => {
                    from.set_standing(&info.id, Standing::Here).await?;
                }
                Some(Standing::Here) => {}
                // It was deleted meanwhile.
                None => target.open_store()?.note_left(&info.id).await?,
            }
        }
        carried
    }

    /// What was in the midst of moving when its mover died goes on: at its new place where it has arrived, else at
    /// its old one, where the move can be begun again.
    pub(super) async fn tend_moves(&self) -> Result<()> {
        let home = self.home();
        for (store, from, to) in ask!(home, |db| db.moving())? {
            let Some(_held) = ask!(home, |db| db.lock_move(&store))? else { continue };
            // The list may be old by now.
            let is_so = |entry: Entry| {
                (entry.state, entry.shard, entry.other)
                    == (EntryState::Moving, from.clone(), Some(to.clone()))
            };
            if !ask!(home, |db| db.entry(&store))?.is_some_and(is_so) {
                continue;
            }
            if let Err(error) = self.tend_move(&store, &from, &to).await {
                tracing::warn!(%error, %store, from, to, "a store whose mover died stands still");
            }
        }
        Ok(())
    }

    async fn tend_move(&self, store: &StoreId, from: &str, to: &str) -> Result<()> {
        let source = self.part(self.directory.place_named(from)?)?.open_store()?;
        let standing = source.standing(store).await?;
        if standing == Some(Standing::Here) {
            return Ok(());
        }
        // A mover that only seemed to be dead must not let it arrive after it has gone on here.
        let there = match self.part(self.directory.place_named(to)?)?.open_store() {
            Ok(target) => target.refuse_arrival(store).await?,
            // A store that only drains has not got that far.
            Err(_) if standing == Some(Standing::Draining) => None,
            Err(error) => return Err(error),
        };
        if there == Some(Standing::Here) {
            let home = self.home();
            ask!(home, |db| db.end_move(store, to, (EntryState::Moved, Some(from))))?;
            tracing::info!(%store, from, to, "a store has moved; its mover died before it told");
        } else if standing.is_some() {
            source.set_standing(store, Standing::Here).await?;
            tracing::warn!(%store, from, to, "the mover of a store died; the store goes on at its old place");
        }
        Ok(())
    }

    /// Brings all of a store to the target, unless it is there already.
    async fn carry(
        &self,
        source: &Part,
        target: &Part,
        info: &StoreInfo,
        tell: &mut (dyn FnMut(MoveStep) + Send),
        is_arriving: &mut bool,
    ) -> Result<()> {
        let store = &info.id;
        let (old, new) = (source.open_store()?, target.open_store()?);
        if new.refuse_arrival(store).await? == Some(Standing::Here) {
            // It arrived, and whoever brought it did not get to tell.
            *is_arriving = true;
            return Ok(());
        }
        new.expect_store(info).await?;
        let mut transfer = Transfer::begin(&old, &new, store).await?;
        let mut compared_at = None;
        if old.standing(store).await? != Some(Standing::Away) {
            let (mut copied, mut is_last) = (0, false);
            while !is_last {
                let some;
                (some, is_last) = transfer.copy_some().await?;
                copied += some;
                tell(MoveStep::Copied(copied));
                pause(BREATH).await;
            }
            // The store is used all the while; what changes from here on is known by its transactions.
            compared_at = Some(transfer.mark().await?);
            let (compared, mended) = transfer.mend().await?;
            tell(MoveStep::Compared(compared, mended));
            self.drain(&old, store, tell).await?;
            old.set_standing(store, Standing::Away).await?;
        }
        tell(MoveStep::Still);
        let (compared, mended) = match &compared_at {
            Some(mark) => transfer.mend_since(mark).await?,
            None => transfer.mend().await?,
        };
        tell(MoveStep::Compared(compared, mended));
        *is_arriving = true;
        transfer.arrive().await
    }

    /// Waits until nothing of the store is in flight; where that does not come about, the store goes on as before.
    async fn drain(
        &self,
        from: &PostgresStore,
        store: &StoreId,
        tell: &mut (dyn FnMut(MoveStep) + Send),
    ) -> Result<()> {
        from.set_standing(store, Standing::Draining).await?;
        let mut waited = Duration::ZERO;
        loop {
            // The nodes' leases go by the home's clock.
            let now = self.home().database_now().await?;
            let now = now.ok_or_else(|| StoreError::Unavailable("the home has no clock".into()))?;
            let open = from.end_claims(store, now).await?;
            if open == 0 {
                return Ok(());
            }
            tell(MoveStep::Draining(open));
            if waited > DRAIN_MAX {
                from.set_standing(store, Standing::Here).await?;
                return Err(StoreError::Unavailable(format!(
                    "{open} deliveries of {store} are still in flight: it goes on at its old place"
                )));
            }
            pause(LOOK_EVERY).await;
            waited += LOOK_EVERY;
        }
    }

    /// Lets a store stay where it is that was moving, unless it has arrived already.
    async fn call_off(
        &self,
        source: &Part,
        other: Option<&str>,
        store: &StoreId,
        tell: &mut (dyn FnMut(MoveStep) + Send),
    ) -> Result<()> {
        let target = other.ok_or_else(|| StoreError::Corrupt(format!("{store} is moving nowhere")))?;
        let into = self.part(self.directory.place_named(target)?)?.open_store()?;
        if into.refuse_arrival(store).await? == Some(Standing::Here) {
            return Err(StoreError::Refused(format!(
                "{store} has arrived on {target} already: end its move, and move it back"
            )));
        }
        let from = source.open_store()?;
        if from.standing(store).await? != Some(Standing::Here) {
            from.set_standing(store, Standing::Here).await?;
        }
        if into.standing(store).await? == Some(Standing::Away) {
            into.note_left(store).await?;
        }
        let (home, stays) = (self.home(), (EntryState::Made, None));
        ask!(home, |db| db.end_move(store, source.name(), stays))?;
        tell(MoveStep::Stayed);
        Ok(())
    }

    /// Lets the old places of stores that have moved know that they may let go.
    pub(super) async fn let_go(&self) -> Result<()> {
        let home = self.home();
        for (store, old) in ask!(home, |db| db.moved())? {
            // Whoever moves it does this as well; it may be on its way back by now.
            let Some(_held) = ask!(home, |db| db.lock_move(&store))? else { continue };
            let is_so =
                |entry: Entry| entry.state == EntryState::Moved && entry.other.as_deref() == Some(&*old);
            if ask!(home, |db| db.entry(&store))?.is_some_and(is_so) {
                self.let_go_of(&store, &old).await?;
            }
        }
        Ok(())
    }

    /// The same of one store, for whoever holds off its moves.
    async fn let_go_of(&self, store: &StoreId, old: &str) -> Result<()> {
        let home = self.home();
        let part = self.part(self.directory.place_named(old)?)?;
        match ask!(part, |db| db.note_left(store)) {
            Ok(()) => ask!(home, |db| db.forget_moved(store))?,
            Err(error) => {
                tracing::warn!(%error, %store, old, "the old place of a store does not hear that it moved");
            }
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "waits for other processes, which can only be asked")]
async fn pause(span: Duration) {
    tokio::time::sleep(span).await;
}
