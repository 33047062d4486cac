//! A plan as data, version 1.0: later versions only add.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::name::{IntegrationId, Slug};
use crate::ops::allowances;
use crate::plan::guard::Allowance;
use crate::plan::{
    Action, Breach, Change, Compared, Consequence, Difference, FieldChange, Foreign, Plan, Revision, Scope,
    SecretChange, Step, Summary, hash,
};
use crate::record::Record;
use crate::render::FILE_NAME;
use crate::settings::Guard;

use super::report::ProblemData;

/// A plan as data.
#[derive(Debug, Serialize)]
pub struct PlanData<'a> {
    format_version: &'static str,
    id: String,
    project: &'a str,
    environment: &'a str,
    only: Vec<&'a Slug>,
    compared: Compared,
    revisions: BTreeMap<&'static str, &'a Revision>,
    summary: Summary,
    changes: Vec<ChangeData>,
    files: Vec<FileData>,
    protected: Vec<&'a Slug>,
    spared: Vec<&'a Slug>,
    adopted: Vec<Slug>,
    drift: Vec<Value>,
    unmanaged: &'a [Foreign],
    guards: Vec<GuardData>,
    problems: Vec<ProblemData>,
}

#[derive(Debug, Serialize)]
struct ChangeData {
    slug: Slug,
    id: IntegrationId,
    target: &'static str,
    action: Action,
    consequence: Consequence,
    reasons: Vec<String>,
    streams: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<StateData>,
    fields: Vec<FieldData>,
}

#[derive(Debug, Serialize)]
struct StateData {
    from: String,
    to: String,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum FieldData {
    Plain { path: String, before: Option<Value>, after: Option<Value> },
    Secret { path: String, secret: SecretChange },
}

#[derive(Debug, Serialize)]
struct FileData {
    path: &'static str,
    action: Action,
    diff: String,
    sha256: String,
}

#[derive(Debug, Serialize)]
struct GuardData {
    #[serde(flatten)]
    breach: Breach,
    lifted_by: String,
}

impl<'a> PlanData<'a> {
    /// Returns a plan as data.
    #[must_use]
    pub fn of(plan: &'a Plan, guard: Guard, problems: Vec<ProblemData>) -> Self {
        let mut changes = changes(plan, "registry", &plan.registry);
        changes.extend(self::changes(plan, "meltano", &plan.meltano));
        changes.sort_by(|a, b| a.slug.cmp(&b.slug).then(b.target.cmp(a.target)));
        let action = if plan.meltano.before.is_empty() { Action::Create } else { Action::Update };
        let file = |diff| FileData { path: FILE_NAME, action, diff, sha256: hash(plan.meltano.after.as_bytes()) };
        let lifted_by = |breach: Breach| GuardData {
            lifted_by: allowances(std::slice::from_ref(&breach)).replace('`', ""),
            breach,
        };
        Self {
            format_version: "1.0",
            id: plan.id(),
            project: &plan.project,
            environment: plan.environment.as_str(),
            only: match &plan.scope {
                Scope::Everything => Vec::new(),
                Scope::Only(slugs) => slugs.iter().collect(),
            },
            compared: plan.compared,
            revisions: BTreeMap::from([("registry", &plan.registry.revision), ("meltano", &plan.meltano.revision)]),
            summary: plan.summary(),
            changes,
            files: super::plan::unified(plan).map(file).into_iter().collect(),
            protected: plan.protected.iter().collect(),
            spared: plan.spared.iter().collect(),
            adopted: plan.touched().into_iter().filter(|(_, id)| plan.adopts(id)).map(|(slug, _)| slug).collect(),
            drift: plan.drift.iter().map(super::drift::data).collect(),
            unmanaged: &plan.unmanaged,
            guards: plan.breaches(guard, Allowance::default()).into_iter().map(lifted_by).collect(),
            problems,
        }
    }
}

fn changes<R: Record>(plan: &Plan, target: &'static str, step: &Step<R>) -> Vec<ChangeData> {
    let data = |(id, change): (&IntegrationId, &Change<R>)| {
        let verdict = plan.consequences.get(id).cloned().unwrap_or_default();
        // What comes into or goes out of a file is in its diff.
        let in_diff = target == "meltano" && change.action() != Action::Update;
        let fields = if in_diff { Vec::new() } else { plan.fields(id, change) };
        ChangeData {
            slug: change.record().slug().clone(),
            id: *id,
            target,
            action: change.action(),
            consequence: verdict.consequence,
            reasons: verdict.reasons.into_iter().collect(),
            streams: verdict.streams.into_iter().collect(),
            state: verdict.state.map(|(from, to)| StateData { from, to }),
            fields: fields.into_iter().map(FieldData::from).collect(),
        }
    };
    step.changes.iter().map(data).collect()
}

impl From<FieldChange> for FieldData {
    fn from(FieldChange { path, difference }: FieldChange) -> Self {
        match difference {
            Difference::Plain { before, after } => Self::Plain { path, before, after },
            Difference::Secret(secret) => Self::Secret { path, secret },
        }
    }
}
