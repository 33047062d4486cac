//! Plans, as a page shows them, in the words of the command line.

use serde::Serialize;

use spile_core::phrase::Phrase;
use spile_core::plan::Action;
use spile_view::changes::SourceData;
use spile_view::plan::{backfills, lifted_by, no_changes, numbers, secret, verb, word};
use spile_view::plan_data::{ChangeData, FieldData, FileData, PlanData, action};
use spile_view::upgrade;
use spile_view::value::in_line;

/// A plan, as a page shows it.
#[derive(Debug, Clone, Serialize)]
pub struct PlanPage {
    /// Its id.
    pub id: String,
    /// Whether it has no changes.
    pub is_empty: bool,
    /// The sentence for a plan without changes.
    pub nothing: String,
    /// How many integrations it creates, updates and deletes.
    pub numbers: String,
    /// The changes of each integration.
    pub integrations: Vec<Changed>,
    /// The changes of plugins.
    pub upgrades: Vec<Upgraded>,
    /// Sources that differ from their contracts.
    pub sources: Vec<SourceData>,
    /// What acknowledges the guards; empty where there are none.
    pub guards: Phrase,
    /// What happens to files.
    pub files: Vec<FileData>,
}

/// The changes of an integration.
#[derive(Debug, Clone, Serialize)]
pub struct Changed {
    /// Its name.
    pub slug: String,
    /// `+`, `~` or `-`.
    pub sign: &'static str,
    /// The tone of the sign.
    pub tone: &'static str,
    /// What happens.
    pub verb: Phrase,
    /// What follows for the data.
    pub consequence: &'static str,
    /// Why.
    pub reasons: Vec<Phrase>,
    /// From when data is read again, and what that will cost.
    pub price: Vec<Phrase>,
    /// What happens in each place.
    pub targets: Vec<TargetChange>,
}

/// The changes of an integration in one target.
#[derive(Debug, Clone, Serialize)]
pub struct TargetChange {
    /// The registry, or the name of the file.
    pub name: &'static str,
    /// The fields that change.
    pub fields: Vec<String>,
}

/// The changes of a plugin.
#[derive(Debug, Clone, Serialize)]
pub struct Upgraded {
    /// The plugin, and the integrations that use it.
    pub head: Phrase,
    /// What.
    pub phrases: Vec<Phrase>,
}

impl From<&PlanData> for PlanPage {
    fn from(plan: &PlanData) -> Self {
        let upgraded = |one| Upgraded { head: upgrade::head(one), phrases: upgrade::phrases(&one.upgrade) };
        Self {
            id: plan.id.clone(),
            is_empty: plan.is_empty(),
            nothing: no_changes(plan),
            numbers: numbers(plan),
            integrations: plan.integrations().into_iter().filter_map(changed).collect(),
            upgrades: plan.upgrades.iter().map(upgraded).collect(),
            sources: plan.sources.clone(),
            guards: lifted_by(plan),
            files: plan.files.clone(),
        }
    }
}

fn changed(changes: &[ChangeData]) -> Option<Changed> {
    let first = changes.first()?;
    let whole = action(changes);
    let price = first.price.iter().flat_map(|price| price.sentences_with("a full refresh"));
    Some(Changed {
        slug: first.slug.to_string(),
        sign: spile_view::sign(whole).0,
        tone: match whole {
            Action::Create => "good",
            Action::Update => "warn",
            Action::Delete => "bad",
        },
        verb: verb(changes),
        consequence: word(first.consequence),
        reasons: first.reasons.clone(),
        price: backfills(first).chain(price).collect(),
        targets: changes.iter().map(placed).collect(),
    })
}

fn placed(change: &ChangeData) -> TargetChange {
    TargetChange { name: change.target.title(), fields: change.fields.iter().map(field).collect() }
}

fn field(field: &FieldData) -> String {
    let path = field.path();
    match field {
        FieldData::Secret { secret: change, .. } => format!("{path} ({})", secret(path, *change).1),
        FieldData::Plain { before: None, after: Some(after), .. } => format!("{path} = {}", in_line(after)),
        FieldData::Plain { before: Some(before), after: None, .. } => format!("{path} was {}", in_line(before)),
        FieldData::Plain { before: Some(before), after: Some(after), .. } => {
            format!("{path} = {} → {}", in_line(before), in_line(after))
        }
        FieldData::Plain { before: None, after: None, .. } => path.to_string(),
    }
}
