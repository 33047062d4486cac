//! Which schema an extractor's records go to, given its entry and its loader's: a loader may follow its extractors.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Change, Current, Step};
use crate::integration::load::is_reference;
use crate::name::EnvironmentName;
use crate::record::Entry;

/// The live and desired loaders of a plan, by the names of their plugins.
pub(super) struct Loaders<'a> {
    before: BTreeMap<&'a str, &'a Entry>,
    after: BTreeMap<&'a str, &'a Entry>,
    environment: &'a EnvironmentName,
}

impl<'a> Loaders<'a> {
    pub(super) fn of(current: &'a Current, step: &'a Step<Entry>, environment: &'a EnvironmentName) -> Self {
        let before: BTreeMap<&str, &Entry> =
            current.meltano.state.iter().map(|(_, entry)| (entry.plugin.as_str(), entry)).collect();
        let changed = step.changes.values().filter_map(Change::after);
        let after = before.clone().into_iter().chain(changed.map(|entry| (entry.plugin.as_str(), entry))).collect();
        Self { before, after, environment }
    }

    /// Tells whether the records of an extractor move to another schema.
    pub(super) fn moves(&self, before: &Entry, after: &Entry) -> bool {
        let loader = |entry: &Entry, all: &BTreeMap<&str, &'a Entry>| all.get(entry.loader.as_deref()?).copied();
        let (Some(old), Some(new)) = (loader(before, &self.before), loader(after, &self.after)) else {
            return self.load_schema(before) != self.load_schema(after);
        };
        match self.following(old).or_else(|| self.following(new)) {
            Some(setting) => self.schema(before, old, setting) != self.schema(after, new, setting),
            None => self.load_schema(before) != self.load_schema(after),
        }
    }

    /// Returns the loader's setting that follows its extractors.
    fn following(&self, loader: &'a Entry) -> Option<&'a str> {
        let over = loader.environments.get(self.environment).into_iter();
        let settings = over.chain([&loader.base]).flat_map(|setup| &setup.config);
        settings.filter(|(_, value)| is_reference(value)).map(|(name, _)| name.as_str()).next()
    }

    fn schema(&self, entry: &'a Entry, loader: &'a Entry, setting: &str) -> Option<&'a str> {
        let over = loader.environments.get(self.environment).and_then(|setup| setup.config.get(setting));
        let default = || {
            let settings = loader.definition.get("settings")?.as_array()?;
            settings.iter().find(|known| known["name"] == *setting)?.get("value")
        };
        match over.or_else(|| loader.base.config.get(setting)).or_else(default) {
            Some(value) if is_reference(value) => self.load_schema(entry),
            value => value.and_then(Value::as_str),
        }
    }

    fn load_schema(&self, entry: &'a Entry) -> Option<&'a str> {
        let over = entry.environments.get(self.environment).and_then(|setup| setup.load_schema.as_deref());
        over.or(entry.base.load_schema.as_deref())
    }
}
