//! Plans, as a page shows them, in the words of the command line.

mod drift;
mod guard;

use serde::Serialize;

use spile_core::phrase::Phrase;
use spile_core::plan::{Action, Summary};
use spile_view::changes::SourceData;
use spile_view::plan::{backfills, no_changes, secret, verb, word};
use spile_view::plan_data::{ChangeData, FieldData, FileData, PlanData, action};
use spile_view::upgrade;
use spile_view::value::in_line;

pub use drift::{DriftCard, DriftRow};
pub use guard::GuardRow;

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
    pub summary: Summary,
    /// The changes of each integration.
    pub integrations: Vec<Changed>,
    /// The changes of plugins.
    pub upgrades: Vec<Upgraded>,
    /// Sources that differ from their contracts.
    pub sources: Vec<SourceData>,
    /// The limits that it exceeds.
    pub guards: Vec<GuardRow>,
    /// What happens to files.
    pub files: Vec<FileData>,
    /// What something else has changed.
    pub drift: Vec<DriftCard>,
    /// Parts of `meltano.yml` that something else has edited.
    pub hand_edits: Vec<Phrase>,
}

/// The changes of an integration.
#[derive(Debug, Clone, Serialize)]
pub struct Changed {
    /// Its name.
    pub slug: String,
    /// Its icon.
    pub icon: &'static str,
    /// The tone of the icon.
    pub tone: &'static str,
    /// What happens.
    pub verb: Phrase,
    /// What follows for the data; empty if nothing does.
    pub consequence: &'static str,
    /// Why.
    pub reasons: Vec<Phrase>,
    /// From when data is read again, and what that will cost.
    pub price: Vec<Phrase>,
    /// Where it is changed.
    pub places: Vec<&'static str>,
    /// The fields that change.
    pub fields: Vec<FieldRow>,
}

/// A field that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldRow {
    /// The field.
    pub path: String,
    /// Its value, if it has one.
    pub before: Option<String>,
    /// Its new value, if it keeps one.
    pub after: Option<String>,
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
            summary: plan.summary,
            integrations: plan.integrations().into_iter().filter_map(changed).collect(),
            upgrades: plan.upgrades.iter().map(upgraded).collect(),
            sources: plan.sources.clone(),
            guards: GuardRow::all(plan),
            files: plan.files.clone(),
            drift: plan.drift.iter().map(DriftCard::from).collect(),
            hand_edits: plan.hand_edits.iter().map(|edit| edit.phrase.clone()).collect(),
        }
    }
}

impl Changed {
    /// Returns the icon and the tone of an action.
    fn mark(action: Action) -> (&'static str, &'static str) {
        match action {
            Action::Create => ("plus", "good"),
            Action::Update => ("pencil", "warn"),
            Action::Delete => ("trash-2", "bad"),
        }
    }
}

fn changed(changes: &[ChangeData]) -> Option<Changed> {
    let first = changes.first()?;
    let (icon, tone) = Changed::mark(action(changes));
    let price = first.price.iter().flat_map(|price| price.sentences_with("a full refresh"));
    let mut fields: Vec<FieldRow> = Vec::new();
    for field in changes.iter().flat_map(|change| &change.fields).map(FieldRow::from) {
        // The row and the entry of an integration mostly change in the same way.
        if !fields.contains(&field) {
            fields.push(field);
        }
    }
    Some(Changed {
        slug: first.slug.to_string(),
        icon,
        tone,
        verb: verb(changes),
        consequence: word(first.consequence),
        reasons: first.reasons.clone(),
        price: backfills(first).chain(price).collect(),
        places: changes.iter().map(|change| change.target.words()).collect(),
        fields,
    })
}

impl From<&FieldData> for FieldRow {
    fn from(field: &FieldData) -> Self {
        let path = field.path().to_string();
        match field {
            FieldData::Secret { secret: change, .. } => {
                let (action, words) = secret(field.path(), *change);
                let words = Some(words.to_owned());
                match action {
                    Action::Delete => Self { path, before: words, after: None },
                    Action::Create | Action::Update => Self { path, before: None, after: words },
                }
            }
            FieldData::Plain { before, after, .. } => {
                Self { path, before: before.as_ref().map(in_line), after: after.as_ref().map(in_line) }
            }
        }
    }
}
