//! Changes of states by hand, each with the state before and after, so that it can be undone.
//!
//! They are kept where everybody who may undo one finds it: in the hosted registry, beside the states, else in spile's own
//! folder, a file for each.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::files::io_error::IoError;
use crate::files::own_folder::Own;
use crate::stores::supabase::{NotKept, Supabase};
use crate::{TargetError, World};
use spile_core::name::{EnvironmentName, IntegrationId};
use spile_core::state::change::StateChange;

/// The folder of the files.
const FOLDER: &str = "state_changes";

/// The most bytes of one: two states, each as large as a registry takes.
const LARGEST: u64 = 128 * 1024 * 1024;

/// How many are kept here of an integration in an environment.
const MOST: usize = 100;

/// Where changes of states are kept.
#[derive(Debug, Clone)]
pub struct StateChanges {
    own: Own,
    registry: Option<Arc<Supabase>>,
}

/// Why a change of a state is not kept.
#[derive(Debug, thiserror::Error)]
pub enum NotRemembered {
    /// The registry refuses.
    #[error(transparent)]
    Registry(#[from] NotKept),
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] TargetError),
}

impl StateChanges {
    /// Names where a world keeps them; nothing is read or made.
    #[must_use]
    pub fn of(world: &World) -> Self {
        Self { own: world.project.own(), registry: world.supabase.clone() }
    }

    /// Keeps a change. In a registry, the change has to have the lease of the integration.
    ///
    /// # Errors
    /// When the registry refuses, or the file cannot be written.
    pub async fn keep(&self, change: &StateChange) -> Result<(), NotRemembered> {
        if let Some(registry) = &self.registry {
            return Ok(registry.keep_change(change).await?);
        }
        let io = |source| TargetError::from(IoError::of("write", self.path(change.id))(source));
        let text = serde_json::to_vec(change).map_err(|error| io(error.into()))?;
        self.own.make().and_then(|own| own.replace(file(change.id), &text)).map_err(io)?;
        Ok(self.prune(change)?)
    }

    /// Takes back a change that was not made.
    ///
    /// # Errors
    /// When the registry refuses, or the file cannot be removed.
    pub async fn withdraw(&self, change: &StateChange) -> Result<(), NotRemembered> {
        if let Some(registry) = &self.registry {
            return Ok(registry.withdraw_change(change).await?);
        }
        let io = |source| TargetError::from(IoError::of("remove", self.path(change.id))(source));
        Ok(self.own.make().and_then(|own| own.remove(file(change.id))).map_err(io)?)
    }

    /// Returns the newest changes of an integration in an environment, the newest first.
    ///
    /// # Errors
    /// When the registry cannot be asked, or a file cannot be read.
    pub async fn newest(
        &self,
        of: IntegrationId,
        environment: &EnvironmentName,
        most: usize,
    ) -> Result<Vec<StateChange>, TargetError> {
        if let Some(registry) = &self.registry {
            return Ok(registry.changes(of, most).await?);
        }
        let mut found = self.here(of, environment)?;
        found.truncate(most);
        Ok(found)
    }

    /// Returns when the state of an integration was last changed by hand. A record that it stays as it is does not count.
    ///
    /// # Errors
    /// When the registry cannot be asked, or a file cannot be read.
    pub async fn last(
        &self,
        of: IntegrationId,
        environment: &EnvironmentName,
    ) -> Result<Option<Timestamp>, TargetError> {
        let newest = self.newest(of, environment, MOST).await?;
        Ok(newest.into_iter().find(|change| change.before != change.after).map(|change| change.at))
    }

    fn here(&self, of: IntegrationId, environment: &EnvironmentName) -> Result<Vec<StateChange>, TargetError> {
        // Where the folder is not this user's own, nothing in it is believed.
        let Ok(Some(own)) = self.own.open() else { return Ok(Vec::new()) };
        let io = |source| TargetError::from(IoError::of("read", self.own.path().join(FOLDER))(source));
        let mut found = Vec::new();
        for name in own.list(FOLDER).map_err(io)? {
            let bytes = own.read_up_to(Path::new(FOLDER).join(name), LARGEST).map_err(io)?;
            // One of another form is of a newer spile.
            found.extend(bytes.and_then(|bytes| serde_json::from_slice::<StateChange>(&bytes).ok()));
        }
        found.retain(|change| change.integration == of && change.environment == *environment);
        found.sort_by_key(|change| std::cmp::Reverse((change.at, change.id)));
        Ok(found)
    }

    /// Forgets the oldest of the same integration.
    fn prune(&self, newest: &StateChange) -> Result<(), TargetError> {
        for old in self.here(newest.integration, &newest.environment)?.into_iter().skip(MOST) {
            let io = |source| TargetError::from(IoError::of("remove", self.path(old.id))(source));
            self.own.make().and_then(|own| own.remove(file(old.id))).map_err(io)?;
        }
        Ok(())
    }

    fn path(&self, id: Uuid) -> PathBuf {
        self.own.path().join(file(id))
    }
}

fn file(id: Uuid) -> PathBuf {
    Path::new(FOLDER).join(format!("{id}.json"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn change(number: u128, of: u128) -> StateChange {
        StateChange {
            id: Uuid::from_u128(number),
            integration: IntegrationId(Uuid::from_u128(of)),
            slug: "shop".parse().unwrap(),
            environment: "dev".parse().unwrap(),
            state_id: "dev:a-to-b".to_owned(),
            at: Timestamp::from_second(i64::try_from(number).unwrap()).unwrap(),
            actor: "ada".to_owned(),
            host: "here".to_owned(),
            action: "clear a".to_owned(),
            before: Some("{\"a\": 1.00}".to_owned()),
            after: None,
            choice: None,
        }
    }

    #[tokio::test]
    async fn changes_are_found_again_the_newest_first_and_the_oldest_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let changes = StateChanges { own: Own::at(&folder.path().join(".spile")), registry: None };
        let newest = |of: u128, most| {
            let changes = changes.clone();
            async move {
                let of = IntegrationId(Uuid::from_u128(of));
                changes.newest(of, &"dev".parse().unwrap(), most).await.unwrap()
            }
        };
        assert_eq!(newest(1, 9).await, []);
        for number in 0..=100 {
            changes.keep(&change(number, 1)).await.unwrap();
        }
        changes.keep(&change(500, 2)).await.unwrap();
        assert_eq!(newest(1, 2).await, [change(100, 1), change(99, 1)]);
        let all = newest(1, 999).await;
        assert_eq!((all.len(), all.last()), (MOST, Some(&change(1, 1))));
        changes.withdraw(&change(500, 2)).await.unwrap();
        assert_eq!(newest(2, 9).await, []);
    }
}
