//! What follows from a change for the data: nothing, a restart, streams read again, or data lost.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Change, Current, Step};
use crate::integration::{Integration, Integrations};
use crate::name::IntegrationId;
use crate::record::{Entry, Record, Row};

/// What follows from a change, from harmless to grave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Consequence {
    /// The next run goes on where the last one ended.
    #[default]
    None,
    /// The plugin is installed anew before the next run.
    Restart,
    /// Some data are read again, or for the first time.
    Resync,
    /// All data are read again.
    FullRefresh,
    /// What the registry and Meltano keep of it goes.
    DataLoss,
}

/// What follows from the changes of one integration, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The gravest.
    pub consequence: Consequence,
    /// A sentence for each field that has one.
    pub reasons: BTreeSet<String>,
}

impl Verdict {
    fn add(&mut self, consequence: Consequence, reason: String) {
        self.consequence = self.consequence.max(consequence);
        self.reasons.insert(reason);
    }
}

/// Judges every change of both steps.
pub(super) fn judge(
    current: &Current,
    registry: &Step<Row>,
    meltano: &Step<Entry>,
    integrations: &Integrations,
) -> BTreeMap<IntegrationId, Verdict> {
    let mut verdicts: BTreeMap<IntegrationId, Verdict> = BTreeMap::new();
    for (id, change) in &registry.changes {
        let verdict = verdicts.entry(*id).or_default();
        field_verdicts(change, integrations.get(id).map(AsRef::as_ref), verdict);
        if let Change::Delete { before } = change {
            verdict.add(Consequence::DataLoss, format!("the row and the bookmarks of `{}` go", before.slug()));
        }
    }
    for (id, change) in &meltano.changes {
        let verdict = verdicts.entry(*id).or_default();
        field_verdicts(change, integrations.get(id).map(AsRef::as_ref), verdict);
        if let Change::Update { before, after } = change
            && loader_moved(before, after, current, meltano)
        {
            verdict.add(Consequence::FullRefresh, "another loader starts without a bookmark".to_owned());
        }
    }
    verdicts.retain(|_, verdict| verdict.consequence > Consequence::None);
    verdicts
}

fn field_verdicts<R: Record>(change: &Change<R>, integration: Option<&Integration>, verdict: &mut Verdict) {
    let fields = if matches!(change, Change::Update { .. }) { change.fields() } else { Vec::new() };
    for field in fields {
        if let Some((consequence, reason)) = of_field(&field.path, integration) {
            verdict.add(consequence, reason);
        }
    }
}

/// Fields of overlays count like those of the base: `environments.prod.config.host` is `config.host`.
fn of_field(path: &str, integration: Option<&Integration>) -> Option<(Consequence, String)> {
    let path = path.strip_prefix("environments.").and_then(|rest| rest.split_once('.')).map_or(path, |(_, rest)| rest);
    let (field, rest) = path.split_once('.').unwrap_or((path, ""));
    match field {
        "config" | "secrets" => {
            let setting = integration?.connector.setting(rest)?;
            setting.resync.then(|| (Consequence::Resync, format!("`{rest}` changes which data are read")))
        }
        "select" => Some((Consequence::Resync, "newly selected streams are read from the start".to_owned())),
        "metadata" => Some((Consequence::Resync, format!("the replication of `{rest}` changes"))),
        "type" => Some((Consequence::FullRefresh, "another connector starts without a bookmark".to_owned())),
        "plugin" if matches!(rest, "pip_url" | "executable") => {
            Some((Consequence::Restart, "the plugin is installed anew".to_owned()))
        }
        "plugin" if rest == "name" => {
            Some((Consequence::FullRefresh, "another plugin starts without a bookmark".to_owned()))
        }
        _ => None,
    }
}

/// Tells whether records go elsewhere: to another loader, and not to the same one under a new name.
fn loader_moved(before: &Entry, after: &Entry, current: &Current, step: &Step<Entry>) -> bool {
    let (Some(old), Some(new)) = (&before.loader, &after.loader) else { return false };
    let named = |name: &String, entry: &Entry| entry.plugin == *name;
    let old_id = current.meltano.state.iter().find(|(_, entry)| named(old, entry)).map(|(id, _)| *id);
    let renamed = old_id.and_then(|id| step.changes.get(&id)).and_then(Change::after);
    old != new && !renamed.is_some_and(|loader| named(new, loader))
}
