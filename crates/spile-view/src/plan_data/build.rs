//! Conversion of a plan into data.

use std::borrow::Cow;

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use similar::TextDiff;

use super::{
    ChangeData, DriftData, DriftFieldData, FORMAT, FieldData, FileData, GuardData, HandEditData, PlanData, PriceData,
    Revisions, StateData,
};
use crate::changes::SourceData;
use crate::report::ProblemData;
use spile_core::digest::hash;
use spile_core::name::IntegrationId;
use spile_core::plan::drift::DriftField;
use spile_core::plan::guard::Allowance;
use spile_core::plan::{Action, Breach, Change, Difference, Drift, FieldChange, HandEdit, OutputStep, Plan, Step};
use spile_core::record::{Record, Target};
use spile_core::render::FILE_NAME;
use spile_core::secrecy::struck_document;
use spile_core::settings::Guard;

impl PlanData {
    /// Returns a plan as data.
    #[must_use]
    pub fn of(plan: &Plan, guard: Guard, problems: Vec<ProblemData>) -> Self {
        let mut changes = changes(plan, &plan.registry);
        changes.extend(self::changes(plan, &plan.meltano));
        changes.sort_by(|a, b| a.slug.cmp(&b.slug).then(a.id.cmp(&b.id)).then(a.target.cmp(&b.target)));
        let advice = plan.findings.advice.problems().iter().map(ProblemData::from);
        let adopted = plan.touched().into_iter().filter(|(_, id)| plan.adopts(id)).map(|(slug, _)| slug);
        Self {
            format_version: FORMAT.to_owned(),
            spile_version: env!("CARGO_PKG_VERSION").to_owned(),
            id: plan.id(),
            project: plan.project.clone(),
            environment: plan.environment.to_string(),
            scope: plan.scope.clone(),
            compared: plan.compared,
            revisions: Revisions { meltano: plan.meltano.revision.clone(), registry: plan.registry.revision.clone() },
            summary: plan.summary(),
            destructive: plan.is_destructive(),
            changes,
            upgrades: plan.upgrades(),
            files: files(plan),
            outputs_left: plan.outputs.left.iter().map(|path| path.display().to_string()).collect(),
            protected: plan.protected.iter().cloned().collect(),
            spared: plan.spared.iter().cloned().collect(),
            adopted: adopted.collect(),
            choices: plan.asked.clone(),
            drift: plan.drift.iter().map(DriftData::from).collect(),
            meltano_edited: plan.is_edited,
            hand_edits: plan.findings.hand_edits.iter().map(HandEditData::from).collect(),
            unmanaged: plan.unmanaged.clone(),
            guards: plan.breaches(guard, Allowance::default()).into_iter().map(GuardData::from).collect(),
            sources: plan.findings.sources.iter().map(SourceData::from).collect(),
            rotated: plan.findings.rotated.clone(),
            previews: Vec::new(),
            problems: advice.chain(problems).collect(),
        }
    }
}

fn changes<R: Record>(plan: &Plan, step: &Step<R>) -> Vec<ChangeData> {
    // What comes into or goes out of a file is in its diff.
    let is_in_diff = |action: Action| R::TARGET == Target::MeltanoFile && action != Action::Update;
    let data = |(id, change): (&IntegrationId, &Change<R>)| {
        let verdict = plan.consequences.get(id).cloned().unwrap_or_default();
        let fields = if is_in_diff(change.action()) { Vec::new() } else { plan.fields(id, change) };
        let record = change.record();
        let before = change.before().map(|before| before.slug().clone());
        ChangeData {
            slug: record.slug().clone(),
            id: *id,
            target: R::TARGET,
            action: change.action(),
            adopted: matches!(change, Change::Adopt { .. }),
            released: matches!(change, Change::Release { .. }),
            renamed_from: before.filter(|before| before != record.slug()),
            title: record.title().to_owned(),
            kind: record.kind().to_owned(),
            consequence: verdict.consequence,
            reasons: verdict.reasons.into_iter().collect(),
            streams: verdict.streams.into_iter().collect(),
            forward_only: verdict.forward_only.into_iter().collect(),
            backfill: verdict.backfill,
            price: plan.findings.prices.get(id).map(PriceData::from),
            state: verdict.state.map(|(from, to)| StateData { from, to }),
            fields: fields.into_iter().map(FieldData::from).collect(),
            unchanged: change.unchanged(),
            secrets: record.fields().keys().filter(|path| matches!(path.split(), ("secrets", Some(_)))).count(),
        }
    };
    step.changes.par_iter().map(data).collect()
}

/// Returns the changes of files: `meltano.yml`, then outputs.
fn files(plan: &Plan) -> Vec<FileData> {
    let meltano = (FILE_NAME.to_owned(), &plan.meltano.before, &plan.meltano.after);
    let output = |step: &'_ OutputStep| step.path.display().to_string();
    let outputs = plan.outputs.steps.iter().map(|step| (output(step), &step.before, &step.after));
    let all = [meltano].into_iter().chain(outputs).filter(|(_, before, after)| before != after);
    all.map(|(path, before, after)| {
        // Text that someone else wrote may contain a secret in plain text.
        let may_hold_secrets = path == FILE_NAME && (plan.is_edited || !plan.findings.hand_edits.is_empty());
        let show = |text| if may_hold_secrets { struck_document(text) } else { Cow::Borrowed(text) };
        file(path, before, after, &show)
    })
    .collect()
}

fn file<'a>(path: String, before: &'a str, after: &'a str, show: &dyn Fn(&'a str) -> Cow<'a, str>) -> FileData {
    let (shown_before, shown_after) = (show(before), show(after));
    let diff = TextDiff::from_lines(&*shown_before, &*shown_after);
    let old = if before.is_empty() { "/dev/null".to_owned() } else { format!("a/{path}") };
    FileData {
        action: if before.is_empty() { Action::Create } else { Action::Update },
        diff: diff.unified_diff().context_radius(3).header(&old, &format!("b/{path}")).to_string(),
        sha256: hash(after.as_bytes()),
        path,
    }
}

impl From<FieldChange> for FieldData {
    fn from(FieldChange { path, difference }: FieldChange) -> Self {
        match difference {
            Difference::Plain { before, after } => Self::Plain { path, before, after },
            Difference::Secret(secret) => Self::Secret { path, secret },
        }
    }
}

impl From<&Drift> for DriftData {
    fn from(drift: &Drift) -> Self {
        Self {
            slug: drift.slug.clone(),
            id: drift.id,
            target: drift.target,
            kind: drift.kind,
            fields: drift.fields.iter().map(DriftFieldData::from).collect(),
        }
    }
}

impl From<&DriftField> for DriftFieldData {
    fn from(field: &DriftField) -> Self {
        let (left, found, secret) = match &field.change.difference {
            Difference::Plain { before, after } => (before.clone(), after.clone(), None),
            Difference::Secret(change) => (None, None, Some(*change)),
        };
        Self { path: field.change.path.clone(), left, found, secret, files: field.files }
    }
}

impl From<&HandEdit> for HandEditData {
    fn from(edit: &HandEdit) -> Self {
        let HandEdit { part, kind } = edit;
        Self {
            kind: part.kind.word().to_owned(),
            name: part.name.clone(),
            environment: part.environment.clone(),
            edit: *kind,
            phrase: edit.phrase(),
        }
    }
}

impl From<Breach> for GuardData {
    fn from(breach: Breach) -> Self {
        Self { lifted_by: breach.lifted_by(), breach }
    }
}
