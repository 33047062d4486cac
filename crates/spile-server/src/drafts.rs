//! Drafts of new integrations: answers and secrets in memory and in encrypted files, until they are saved or abandoned.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::draft_tests::DraftTest;
use spile_core::connector::{Connector, Role};
use spile_core::secret::Secret;
use spile_core::value::Settings;
use spile_ops::author::DesiredIntegration;
use spile_ops::discover::Offered;
use spile_world::Keys;
use spile_world::stores::drafts::DraftFiles;
use spile_world::stores::tokens::random;

/// How long an untouched draft is kept.
const LASTS: Duration = Duration::from_hours(1);

/// How many drafts are kept.
const MOST: usize = 200;

/// The drafts, by their ids.
pub struct Drafts {
    all: Mutex<BTreeMap<String, (Instant, Draft)>>,
    /// Where they survive a restart. A draft that cannot be stored works until the program ends.
    files: DraftFiles,
}

/// An integration that someone is creating.
#[derive(Clone)]
pub struct Draft {
    /// What its owner has answered, and what came of it.
    pub answers: Answers,
    /// Its connector.
    pub connector: Arc<Connector>,
    /// Its secrets, which exist only here until they are encrypted.
    pub secrets: BTreeMap<String, Secret>,
    /// Keys that decrypt only what was encrypted for this draft.
    pub keys: Arc<Keys>,
}

/// What the owner of a draft has answered, and what came of it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Answers {
    /// The user who is creating it.
    pub owner: String,
    /// The id of the integration, which the reviewed file and the saved one have in common.
    pub integration: Uuid,
    /// The step at which its owner last left it; empty if that never happened.
    pub step: String,
    /// Its name.
    pub name: String,
    /// The values of its settings.
    pub config: Settings,
    /// The text typed for each setting.
    pub typed: BTreeMap<String, String>,
    /// The loader that receives its records.
    pub loader: String,
    /// Its schedule.
    pub schedule: String,
    /// The patterns of its selected streams; if empty, the usual streams are selected.
    pub select: Vec<String>,
    /// The streams that its source offers, if it was discovered.
    pub streams: Option<Vec<Offered>>,
    /// The streams to sync in full each time, although they could sync incrementally.
    pub in_full: BTreeSet<String>,
    /// The result of its test.
    pub test: Option<DraftTest>,
    /// Counts changes to its settings: results that belong to an earlier count are discarded.
    pub settled: u64,
}

/// A draft as it is stored, before it is encrypted.
#[derive(Serialize, Deserialize)]
pub struct StoredDraft {
    answers: Answers,
    /// The role of its connector.
    pub role: Role,
    /// The name of its connector.
    pub connector: String,
    secrets: BTreeMap<String, String>,
}

/// A draft that its owner has left, without its answers and secrets.
#[derive(Debug, Serialize)]
pub struct UnfinishedDraft {
    id: String,
    name: String,
    /// The label of its connector.
    connector: String,
    /// The page to continue on.
    path: String,
}

impl UnfinishedDraft {
    fn of(id: &str, draft: &Draft) -> Self {
        let path = format!("/drafts/{id}/{}", draft.answers.step);
        Self {
            id: id.to_owned(),
            name: draft.answers.name.clone(),
            connector: draft.connector.head.label.clone(),
            path,
        }
    }
}

impl Draft {
    /// Starts a draft without answers.
    pub fn new(owner: &str, connector: Arc<Connector>, keys: Keys) -> Self {
        let answers = Answers {
            owner: owner.to_owned(),
            integration: Uuid::new_v4(),
            step: String::new(),
            name: connector.head.label.clone(),
            config: Settings::new(),
            typed: BTreeMap::new(),
            loader: String::new(),
            schedule: String::new(),
            select: Vec::new(),
            streams: None,
            in_full: BTreeSet::new(),
            test: None,
            settled: 0,
        };
        Self { answers, connector, secrets: BTreeMap::new(), keys: Arc::new(keys) }
    }

    /// Returns what its file will say.
    pub fn wanted(&self) -> DesiredIntegration {
        let texts =
            [("name", &self.answers.name), ("loader", &self.answers.loader), ("schedule", &self.answers.schedule)];
        let said = texts.into_iter().filter(|(_, text)| !text.is_empty());
        let mut keys: BTreeMap<_, _> =
            said.map(|(key, text)| (key.to_owned(), serde_json::Value::from(text.as_str()))).collect();
        keys.insert("id".to_owned(), self.answers.integration.to_string().into());
        if !self.answers.select.is_empty() {
            keys.insert("select".to_owned(), self.answers.select.clone().into());
        }
        let metadata = self.metadata();
        if !metadata.is_empty() {
            keys.insert("metadata".to_owned(), metadata.into());
        }
        let secrets = self.secrets.iter().map(|(name, secret)| (name.clone(), Some(secret.clone())));
        DesiredIntegration { keys, config: Some(self.answers.config.clone()), secrets: secrets.collect() }
    }

    /// Tells whether a stream is selected.
    pub fn takes(&self, stream: &Offered) -> bool {
        if self.answers.select.is_empty() { stream.is_usual } else { self.answers.select.contains(&stream.pattern()) }
    }

    fn metadata(&self) -> serde_json::Map<String, serde_json::Value> {
        let all = self
            .answers
            .streams
            .iter()
            .flatten()
            .filter(|one| self.takes(one) && !self.answers.in_full.contains(&one.name));
        all.filter_map(Offered::metadata).collect()
    }
}

impl StoredDraft {
    fn of(draft: &Draft) -> Self {
        let secrets = draft.secrets.iter().map(|(name, secret)| (name.clone(), secret.expose().to_owned()));
        Self {
            answers: draft.answers.clone(),
            role: draft.connector.head.role,
            connector: draft.connector.head.name.clone(),
            secrets: secrets.collect(),
        }
    }

    /// Returns the draft, with its connector and new keys.
    #[must_use]
    pub fn with(self, connector: Arc<Connector>, keys: Keys) -> Draft {
        let secrets = self.secrets.into_iter().map(|(name, secret)| (name, Secret::new(secret))).collect();
        Draft { answers: self.answers, connector, secrets, keys: Arc::new(keys) }
    }
}

impl Drafts {
    /// Returns the drafts of a server: none in memory yet.
    #[must_use]
    pub fn new(files: DraftFiles) -> Self {
        files.sweep(LASTS);
        Self { all: Mutex::default(), files }
    }

    /// Adds a draft and returns its id. Drops the oldest draft if there are too many.
    pub fn begin(&self, draft: Draft) -> String {
        let mut all = self.lock();
        if all.len() >= MOST
            && let Some(oldest) = all.iter().min_by_key(|(_, (at, _))| *at).map(|(id, _)| id.clone())
        {
            all.remove(&oldest);
            self.files.remove(&oldest);
        }
        let id = random();
        self.store(&id, &draft);
        all.insert(id.clone(), (Instant::now(), draft));
        id
    }

    /// Returns a draft.
    pub fn get(&self, id: &str) -> Option<Draft> {
        let mut all = self.lock();
        let (at, draft) = all.get_mut(id)?;
        *at = Instant::now();
        Some(draft.clone())
    }

    /// Returns a draft of a server that has ended, once `restored` has found its connector. It continues here.
    pub fn restore(&self, id: &str, restored: impl FnOnce(StoredDraft) -> Option<Draft>) -> Option<Draft> {
        let mut all = self.lock();
        // A person may ask twice at once.
        if let Some((_, draft)) = all.get(id) {
            return Some(draft.clone());
        }
        let draft = restored(serde_json::from_slice(&self.files.read(id, LASTS)?).ok()?)?;
        all.insert(id.to_owned(), (Instant::now(), draft.clone()));
        Some(draft)
    }

    /// Changes a draft; returns `None` if it is gone.
    pub fn update<T>(&self, id: &str, change: impl FnOnce(&mut Draft) -> T) -> Option<T> {
        let mut all = self.lock();
        let (at, draft) = all.get_mut(id)?;
        *at = Instant::now();
        let result = change(draft);
        self.store(id, draft);
        Some(result)
    }

    fn store(&self, id: &str, draft: &Draft) {
        if let Ok(text) = serde_json::to_vec(&StoredDraft::of(draft)).map(Zeroizing::new) {
            let _ = self.files.write(id, &text);
        }
    }

    /// Returns the drafts that a user has left, the newest first.
    pub fn left_by(&self, owner: &str) -> Vec<UnfinishedDraft> {
        let all = self.lock();
        let mut left: Vec<_> = all
            .iter()
            .filter(|(_, (_, draft))| draft.answers.owner == owner && !draft.answers.step.is_empty())
            .collect();
        left.sort_by_key(|(_, (at, _))| Reverse(*at));
        left.into_iter().map(|(id, (_, draft))| UnfinishedDraft::of(id, draft)).collect()
    }

    /// Removes a draft.
    pub fn end(&self, id: &str) {
        self.lock().remove(id);
        self.files.remove(id);
    }

    /// Removes drafts that were left untouched for too long.
    pub fn sweep(&self) {
        drop(self.lock());
        self.files.sweep(LASTS);
    }

    /// Locks the drafts and removes expired ones first, so that no caller finds one.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, (Instant, Draft)>> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (at, _)| at.elapsed() < LASTS);
        all
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use spile_world::keys::Places;

    fn draft() -> Draft {
        let catalog = spile_core::connector::Catalog::new(&[], &mut spile_core::problem::Problems::default());
        Draft::new("ada", catalog.find(Role::Extractor, "postgres").unwrap(), Keys::new(Places::default()))
    }

    fn drafts() -> Drafts {
        Drafts::new(DraftFiles::of(Path::new("/nonexistent/.spile")))
    }

    #[test]
    fn a_draft_survives_a_restart_with_its_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let server = || Drafts::new(DraftFiles::of(&folder.path().join(".spile")));
        let before = server();
        let id = before.begin(draft());
        before.update(&id, |draft| {
            draft.secrets.insert("password".to_owned(), Secret::new("hunter2"));
            draft.answers.schedule = "@daily".to_owned();
        });
        let after = server();
        assert!(after.get(&id).is_none());
        let known = |stored: StoredDraft| {
            assert_eq!((stored.role, stored.connector.as_str()), (Role::Extractor, "postgres"));
            Some(stored.with(draft().connector, Keys::new(Places::default())))
        };
        let restored = after.restore(&id, known).unwrap();
        assert_eq!((restored.answers.owner.as_str(), restored.answers.schedule.as_str()), ("ada", "@daily"));
        assert_eq!(restored.secrets["password"].expose(), "hunter2");
        assert!(after.get(&id).is_some());
        after.end(&id);
        assert!(server().restore(&id, |_| None).is_none());
        assert_eq!(std::fs::read_dir(folder.path().join(".spile/drafts")).unwrap().count(), 0);
    }

    #[test]
    fn an_expired_draft_is_gone_for_every_caller() {
        let drafts = drafts();
        let (id, left) = (drafts.begin(draft()), drafts.begin(draft()));
        let long_ago = Instant::now().checked_sub(LASTS).unwrap();
        drafts.all.lock().unwrap().get_mut(&left).unwrap().0 = long_ago;
        assert!(drafts.get(&left).is_none() && drafts.get(&id).is_some());
        drafts.all.lock().unwrap().get_mut(&id).unwrap().0 = long_ago;
        drafts.sweep();
        assert!(drafts.all.lock().unwrap().is_empty(), "its secrets are gone");
    }

    #[test]
    fn a_late_result_neither_revives_a_draft_nor_undoes_changes() {
        let drafts = drafts();
        let id = drafts.begin(draft());
        let before = drafts.get(&id).unwrap();
        drafts.update(&id, |draft| draft.answers.name = "other".to_owned());
        drafts.update(&id, |draft| draft.answers.streams = before.answers.streams.clone());
        assert_eq!(drafts.get(&id).unwrap().answers.name, "other");
        drafts.end(&id);
        assert_eq!(drafts.update(&id, |draft| draft.answers.streams = before.answers.streams), None);
        assert!(drafts.get(&id).is_none());
    }

    #[test]
    fn a_draft_that_was_left_is_offered_to_its_owner_only() {
        let drafts = drafts();
        let (open, left) = (drafts.begin(draft()), drafts.begin(draft()));
        drafts.update(&left, |draft| draft.answers.step = "test".to_owned());
        let ids = |owner: &str| drafts.left_by(owner).into_iter().map(|draft| draft.id).collect::<Vec<_>>();
        assert_eq!((ids("ada"), ids("bob")), (vec![left.clone()], vec![]));
        drafts.update(&open, |draft| draft.answers.step = "settings".to_owned());
        assert_eq!(ids("ada"), [open, left]);
    }

    #[test]
    fn the_oldest_draft_goes_if_there_are_too_many() {
        let drafts = drafts();
        let first = drafts.begin(draft());
        let second = drafts.begin(draft());
        drafts.get(&first);
        for _ in 0..MOST - 1 {
            drafts.begin(draft());
        }
        assert!(drafts.get(&first).is_some() && drafts.get(&second).is_none());
    }
}
