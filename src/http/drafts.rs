//! Integrations that somebody is making: answers and secrets in memory, until they are saved or left.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::connector::Connector;
use crate::ops::author::Wanted;
use crate::run::Run;
use crate::secret::Secret;
use crate::value::Settings;
use crate::world::Keys;
use crate::world::tokens::random;

/// How long a draft is kept that nobody touches.
const LASTS: Duration = Duration::from_hours(1);

/// How many are kept.
const MOST: usize = 200;

/// The drafts, by their ids.
#[derive(Default)]
pub struct Drafts(Mutex<BTreeMap<String, (Instant, Draft)>>);

/// An integration that somebody is making.
#[derive(Clone)]
pub struct Draft {
    /// Its connector.
    pub connector: Arc<Connector>,
    /// What it is called.
    pub name: String,
    /// Values of settings.
    pub config: Settings,
    /// What was typed for them.
    pub typed: BTreeMap<String, String>,
    /// Its secrets; they are nowhere else until they are encrypted.
    pub secrets: BTreeMap<String, Secret>,
    /// Where its records go.
    pub loader: String,
    /// When it is synced.
    pub schedule: String,
    /// What is read.
    pub select: Vec<String>,
    /// What its source offers, where it was asked.
    pub streams: Option<Vec<String>>,
    /// How its test came out.
    pub run: Option<Run>,
    /// Keys that open what was encrypted for this draft alone.
    pub keys: Arc<Keys>,
}

impl Draft {
    /// Begins with nothing said.
    pub fn new(connector: Arc<Connector>, keys: Keys) -> Self {
        Self {
            name: connector.label.clone(),
            connector,
            config: Settings::new(),
            typed: BTreeMap::new(),
            secrets: BTreeMap::new(),
            loader: String::new(),
            schedule: String::new(),
            select: Vec::new(),
            streams: None,
            run: None,
            keys: Arc::new(keys),
        }
    }

    /// Returns what its file is to say.
    pub fn wanted(&self) -> Wanted {
        let texts = [("name", &self.name), ("loader", &self.loader), ("schedule", &self.schedule)];
        let said = texts.into_iter().filter(|(_, text)| !text.is_empty());
        let mut keys: BTreeMap<_, _> =
            said.map(|(key, text)| (key.to_owned(), serde_json::Value::from(text.as_str()))).collect();
        if !self.select.is_empty() {
            keys.insert("select".to_owned(), self.select.clone().into());
        }
        let secrets = self.secrets.iter().map(|(name, secret)| (name.clone(), Some(secret.clone())));
        Wanted { keys, config: Some(self.config.clone()), secrets: secrets.collect() }
    }
}

impl Drafts {
    /// Keeps a new draft, and returns its id. The oldest goes where there are too many.
    pub fn begin(&self, draft: Draft) -> String {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (at, _)| at.elapsed() < LASTS);
        if all.len() >= MOST
            && let Some(oldest) = all.iter().min_by_key(|(_, (at, _))| *at).map(|(id, _)| id.clone())
        {
            all.remove(&oldest);
        }
        let id = random();
        all.insert(id.clone(), (Instant::now(), draft));
        id
    }

    /// Returns a draft.
    pub fn get(&self, id: &str) -> Option<Draft> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, draft) = all.get_mut(id)?;
        *at = Instant::now();
        Some(draft.clone())
    }

    /// Keeps what a draft says now.
    pub fn keep(&self, id: &str, draft: Draft) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(id.to_owned(), (Instant::now(), draft));
    }

    /// Lets a draft go.
    pub fn end(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}
