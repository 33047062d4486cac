//! The consequences of a change for the data: none, a restart, streams read again, or data lost.

mod newly_selected;
mod schemas;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Change, Current, Difference, FieldChange, Head, Step};
use crate::connector::{Role, Setting};
use crate::integration::load::is_reference;
use crate::integration::select::{Pattern, as_pattern};
use crate::integration::{Choices, Integration, Integrations};
use crate::name::{EnvironmentName, FieldPath, IntegrationId};
use crate::phrase;
use crate::phrase::{Phrase, code, codes};
use crate::record::{Entry, Record, Row};
use newly_selected::{newly_selected, was_selected};
use schemas::Loaders;

/// The field that selects streams.
const SELECT: FieldPath = FieldPath::of("select");

/// The consequence of a change, from harmless to severe.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Consequence {
    /// The next run continues where the last one ended.
    #[default]
    None,
    /// The plugin is reinstalled before the next run.
    Restart,
    /// Some data is read again, or for the first time.
    Resync,
    /// All data is read again.
    FullRefresh,
    /// The registry and Meltano delete what they keep about it.
    DataLoss,
}

/// The consequence of the changes to one integration, with reasons.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The most severe consequence.
    pub consequence: Consequence,
    /// A sentence for each field with a consequence. Consequences in other environments, which share `meltano.yml`, are
    /// marked as theirs and do not count in `consequence`: the plans of those environments count them.
    pub reasons: BTreeSet<Phrase>,
    /// The affected streams, as `select` names them; `*` stands for the whole source.
    pub streams: BTreeSet<String>,
    /// Streams that are not read again because somebody chose that, as `select` or the choice names them: older rows keep
    /// their values. `streams` does not count them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub forward_only: BTreeSet<String>,
    /// Streams that are read again from a date on because somebody chose that.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub backfill: BTreeMap<String, String>,
    /// The state id before and after a rename, if there is one: the bookmarks move along.
    pub state: Option<(String, String)>,
}

impl Verdict {
    fn add(&mut self, consequence: Consequence, reason: impl Into<Phrase>, streams: BTreeSet<String>) {
        self.consequence = self.consequence.max(consequence);
        self.reasons.insert(reason.into());
        self.streams.extend(streams);
    }

    /// Adds a resync, except of streams that only go forward.
    fn add_resync(&mut self, reason: impl Into<Phrase>, streams: BTreeSet<String>, choices: &Choices) {
        let reason = reason.into();
        let (forward, rest) = choices.forwarded(streams);
        if !forward.is_empty() {
            self.reasons.insert(phrase![
                "older rows of ",
                streams_in_words(&forward),
                " keep the old value: ",
                reason.clone()
            ]);
            self.forward_only.extend(forward);
        }
        if !rest.is_empty() {
            self.add_read(Consequence::Resync, reason, rest, choices);
        }
    }

    /// Adds streams that are read again, some from a date on.
    fn add_read(
        &mut self,
        consequence: Consequence,
        reason: impl Into<Phrase>,
        streams: BTreeSet<String>,
        choices: &Choices,
    ) {
        self.backfill.extend(choices.backfilled(&streams));
        self.add(consequence, reason, streams);
    }

    /// Tells whether a stream was chosen to go forward.
    #[must_use]
    pub fn is_forward(&self, stream: &str) -> bool {
        self.forward_only.iter().any(|one| Pattern::parse(one).stream.matches(stream))
    }

    /// Tells whether a stream is read again from the start.
    #[must_use]
    pub fn reads_again(&self, stream: &str) -> bool {
        let is_named = self.streams.iter().any(|one| Pattern::parse(one).stream.matches(stream));
        // A stream that one change reads again is read again, whatever another change says.
        let is_exact = self.streams.contains(&as_pattern(stream));
        is_named && (!self.is_forward(stream) || is_exact) && !self.backfill.contains_key(stream)
    }

    /// Tells whether somebody chose what happens to one of the streams.
    #[must_use]
    pub fn has_choices(&self) -> bool {
        !self.forward_only.is_empty() || !self.backfill.is_empty()
    }

    fn is_silent(&self) -> bool {
        self.reasons.is_empty() && self.state.is_none()
    }
}

/// Judges all changes of both steps.
pub(super) fn judge(
    current: &Current,
    registry: &Step<Row>,
    meltano: &Step<Entry>,
    integrations: &Integrations,
    head: &Head,
) -> BTreeMap<IntegrationId, Verdict> {
    let (environment, none) = (&head.environment, Choices::default());
    let mut verdicts: BTreeMap<IntegrationId, Verdict> = BTreeMap::new();
    let entry =
        |id: &IntegrationId| meltano.changes.get(id).map(Change::record).or_else(|| current.meltano.state.get(id));
    for (id, change) in &registry.changes {
        let verdict = verdicts.entry(*id).or_default();
        let all = || entry(id).map(|entry| entry.streams(environment)).unwrap_or_default();
        let judged = Judged {
            integration: integrations.get(id).map(AsRef::as_ref),
            choices: head.choices.get(id).unwrap_or(&none),
        };
        field_verdicts(change, judged, &all, verdict);
        if let Change::Delete { before } = change {
            verdict.add(
                Consequence::DataLoss,
                phrase!["the row and the bookmarks of ", code(before.slug().as_str()), " are deleted"],
                all(),
            );
        }
    }
    let loaders = Loaders::of(current, meltano, environment);
    for (id, change) in &meltano.changes {
        let verdict = verdicts.entry(*id).or_default();
        let all = || change.record().streams(environment);
        if let Change::Update { before, after } = change {
            let integration = integrations.get(id).map(AsRef::as_ref);
            let choices = head.choices.get(id).unwrap_or(&none);
            entry_verdicts(before, after, Judged { integration, choices }, environment, verdict);
            for other in other_environments([before, after], environment) {
                let mut theirs = Verdict::default();
                entry_verdicts(before, after, Judged { integration, choices: &none }, other, &mut theirs);
                let theirs: Vec<Phrase> = theirs.reasons.difference(&verdict.reasons).cloned().collect();
                verdict
                    .reasons
                    .extend(theirs.into_iter().map(|reason| phrase!["in ", code(other.as_str()), ", ", reason]));
            }
            if loader_moved(before, after, current, meltano) {
                verdict.add(Consequence::FullRefresh, "another loader starts without a bookmark", all());
                continue;
            }
            if loaders.moves(before, after) {
                let reason = "the records go to another schema, which has none of the earlier ones";
                verdict.add_resync(reason, all(), choices);
            }
            if before.base_plugin() == after.base_plugin() {
                let ids = before.state_id(environment).zip(after.state_id(environment));
                verdict.state = ids.filter(|(from, to)| from != to);
            }
        }
    }
    verdicts.retain(|_, verdict| !verdict.is_silent());
    verdicts
}

/// Judges how an entry changes in one environment.
fn entry_verdicts(
    before: &Entry,
    after: &Entry,
    judged: Judged<'_>,
    environment: &EnvironmentName,
    verdict: &mut Verdict,
) {
    let all = || after.streams(environment);
    if let Some(change) = Change::between(&before.within(environment), &after.within(environment)) {
        field_verdicts(&change, judged, &all, verdict);
    }
}

/// Returns the environments in which one of the entries differs from its base, except the planned one.
fn other_environments<'a>(entries: [&'a Entry; 2], planned: &EnvironmentName) -> BTreeSet<&'a EnvironmentName> {
    let all = entries.into_iter().flat_map(|entry| entry.environments.keys());
    all.filter(|environment| *environment != planned).collect()
}

/// The integration whose changes are judged, and what was chosen for its streams.
#[derive(Clone, Copy)]
struct Judged<'a> {
    integration: Option<&'a Integration>,
    choices: &'a Choices,
}

/// Judges the fields of a change. `all` returns the streams that the integration reads.
fn field_verdicts<R: Record>(
    change: &Change<R>,
    Judged { integration, choices }: Judged<'_>,
    all: &dyn Fn() -> BTreeSet<String>,
    verdict: &mut Verdict,
) {
    let fields = if matches!(change, Change::Update { .. }) { change.fields() } else { Vec::new() };
    // If a loader begins to follow its extractors, that alone moves none of their records.
    for field in fields.into_iter().filter(|field| !follows(&field.difference)) {
        if let Some((consequence, reason)) = of_field(&field, integration) {
            // A loader reads no streams.
            let is_loader = integration.is_some_and(|one| one.connector.head.role == Role::Loader);
            let streams = if is_loader { BTreeSet::new() } else { streams_of(&field, all) };
            // Selecting less does not read anything again.
            if streams.is_empty() && field.path == SELECT {
                continue;
            }
            if consequence == Consequence::Resync && !streams.is_empty() {
                let (kept, begun) = streams.into_iter().partition(|stream| keeps_bookmark(&field, stream));
                verdict.add_resync(reason.clone(), kept, choices);
                if begun.is_empty() {
                    continue;
                }
                verdict.add_read(consequence, reason, begun, choices);
            } else {
                verdict.add(consequence, reason, streams);
            }
        }
    }
}

/// Tells whether a setting follows the extractors, before or after.
fn follows(difference: &Difference) -> bool {
    match difference {
        Difference::Plain { before, after } => before.iter().chain(after).any(is_reference),
        Difference::Secret(_) => false,
    }
}

/// Tells whether the tap can continue a stream from its bookmark after a change: not if the stream is new, and not if its
/// replication changes, because then the bookmark is of another key or of none.
fn keeps_bookmark(field: &FieldChange, stream: &str) -> bool {
    match (field.path.split(), &field.difference) {
        (("metadata", _), _) => false,
        (("select", None), Difference::Plain { before, .. }) => was_selected(before.as_ref(), stream),
        _ => true,
    }
}

/// Names streams in a sentence.
fn streams_in_words(streams: &BTreeSet<String>) -> Phrase {
    if streams.contains("*") { "all streams".into() } else { codes(streams.iter().map(String::as_str)) }
}

/// Returns the streams that a changed field affects: the newly selected ones, the one whose metadata changes, or all.
fn streams_of(field: &FieldChange, all: &dyn Fn() -> BTreeSet<String>) -> BTreeSet<String> {
    match (field.path.split(), &field.difference) {
        (("metadata", Some(stream)), _) => BTreeSet::from([stream.to_owned()]),
        (("select", None), Difference::Plain { before, after }) => newly_selected(before.as_ref(), after.as_ref()),
        _ => all(),
    }
}

fn of_field(
    FieldChange { path, difference }: &FieldChange,
    integration: Option<&Integration>,
) -> Option<(Consequence, Phrase)> {
    match path.split() {
        ("config" | "secrets", Some(name)) => {
            let connector = &integration?.connector;
            let setting = connector.setting(name).filter(|setting| !is_same(setting, difference))?;
            let what = match connector.head.role {
                Role::Extractor => " changes which data is read",
                Role::Loader => " changes where records go; those loaded before stay where they are",
            };
            setting.resync.then(|| (Consequence::Resync, phrase![code(name), what]))
        }
        ("select", None) => Some((Consequence::Resync, "newly selected streams are read from the start".into())),
        ("metadata", None) => {
            Some((Consequence::Resync, phrase!["a different rule in ", code("metadata"), " now comes last and wins"]))
        }
        ("metadata", Some(stream)) => {
            Some((Consequence::Resync, phrase!["the replication of ", code(stream), " changes"]))
        }
        ("mappers", None) => {
            Some((Consequence::Restart, "new records are transformed differently; existing rows stay unchanged".into()))
        }
        ("type", None) => Some((Consequence::FullRefresh, "another connector starts without a bookmark".into())),
        ("plugin", Some("pip_url" | "executable")) => Some((Consequence::Restart, "the plugin is reinstalled".into())),
        ("plugin", Some("name")) => Some((Consequence::FullRefresh, "another plugin starts without a bookmark".into())),
        _ => None,
    }
}

/// Tells whether a value means the same to the plugin as before, like `2024-01-01` and `2024-01-01T00:00:00Z`.
fn is_same(setting: &Setting, difference: &Difference) -> bool {
    let completed = |value: &Value| setting.kind.completed(value.clone());
    match difference {
        Difference::Plain { before: Some(before), after: Some(after) } => completed(before) == completed(after),
        Difference::Plain { .. } | Difference::Secret(_) => false,
    }
}

/// Tells whether records go elsewhere: to another loader, not to the same one under a new name.
fn loader_moved(before: &Entry, after: &Entry, current: &Current, step: &Step<Entry>) -> bool {
    let (Some(old), Some(new)) = (&before.loader, &after.loader) else { return false };
    let named = |name: &String, entry: &Entry| entry.plugin == *name;
    let old_id = current.meltano.state.iter().find(|(_, entry)| named(old, entry)).map(|(id, _)| *id);
    let renamed = old_id.and_then(|id| step.changes.get(&id)).and_then(Change::after);
    old != new && !renamed.is_some_and(|loader| named(new, loader))
}

#[cfg(test)]
mod tests;
