//! Changes that the server makes for the API and for pages: to files, on a branch, or with an apply.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::app::App;
use super::caller::Caller;
use super::project_view::ProjectView;
use super::refusal::{Refusal, failed, read_only};
use super::setup::Writing;
use super::start_run::{Begun, RunRequest, begin};
use super::state_change;
use spile_core::connector::{Connector, Role};
use spile_core::integration::Integration;
use spile_core::name::Slug;
use spile_core::plan::guard::Allowance;
use spile_core::plan::{Plan, Selection};
use spile_core::run::RunKind;
use spile_ops::connectors::{Origin, Shelf};
use spile_ops::edits::{Destination, Edits, WriteOutcome};
use spile_ops::secrets::Access;
use spile_ops::switch::Switch;
use spile_ops::{self as ops, author};
use spile_world::processes::git::{self, Proposal};
use spile_world::{Keys, Origin as ApplyOrigin, Program, Project};

/// How many integrations an audit entry of an apply names at most.
const MOST_NAMED: usize = 100;

/// A change to make.
pub struct Change<'a> {
    /// The new contents of files.
    pub edits: Edits,
    /// The integrations that it changes.
    pub slugs: &'a [Slug],
    /// The verb that starts the commit message.
    pub verb: &'static str,
    /// More lines for the message; empty if the subject says it all.
    pub details: String,
    /// The branch that already proposes changes of these files, for a server that writes branches.
    pub onto: Option<Proposal>,
}

impl<'a> Change<'a> {
    /// Returns a change of one integration, on top of what is already proposed for it.
    pub fn of(edits: Edits, slug: &'a Slug, verb: &'static str, desk: &ProjectView) -> Self {
        let onto = desk.proposal.clone();
        Self { edits, slugs: std::slice::from_ref(slug), verb, details: String::new(), onto }
    }
}

/// The result of a change.
pub struct ChangeOutcome {
    /// What was written.
    pub written: WriteOutcome,
    /// Whether the change was applied, on a server that applies at once; if not, why. What was written stays.
    pub applied: Option<Result<(), Refusal>>,
}

impl ChangeOutcome {
    /// Adds the result to a response.
    pub fn told(&self, mut answer: Value) -> Value {
        if let WriteOutcome::Branch { .. } = &self.written {
            answer["change"] = json!(self.written);
        }
        if let Some(applied) = &self.applied {
            answer["applied"] = json!(applied.is_ok());
            if let Err(refusal) = applied {
                answer["not_applied"] = json!(refusal);
            }
        }
        answer
    }
}

/// Returns what operations on secrets need.
pub fn access<'a>(project: &'a Project, keys: &'a Keys, program: &'a Program) -> Access<'a> {
    Access { project, keys, program, now: Timestamp::now() }
}

/// Finds a connector by name, built in or the project's own, used or not.
///
/// # Errors
/// If no connector has that name, or its definition has problems.
pub fn connector(app: &App, name: &str, role: Role) -> Result<Arc<Connector>, Refusal> {
    let shown = Shelf::read(&app.setup().project)?.show(name, Some(role))?;
    let found =
        shown.into_iter().find(|one| !matches!(one.origin, Origin::Hub(_) | Origin::OnHub(_))).map(|one| one.connector);
    found.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "spile::connector::unknown", "no such connector"))
}

/// Makes a change the way the server is configured to.
///
/// # Errors
/// If the server is read-only, files have changed in the meantime, or nothing can be written.
pub async fn carry_out(app: &App, who: &Caller, change: &Change<'_>) -> Result<ChangeOutcome, Refusal> {
    let destination = match &app.setup().writing {
        Writing::Not => {
            return Err(read_only());
        }
        Writing::To(Destination::Branch { push, .. }) => {
            Destination::Branch { push: push.clone(), onto: change.onto.clone() }
        }
        Writing::To(destination) => destination.clone(),
        Writing::Applied => Destination::WorkingTree,
    };
    let of = match change.slugs {
        // The verb says it all.
        [] => String::new(),
        [slug] => format!(" `{slug}`"),
        slugs => format!(
            " {}: {}",
            ops::counted(slugs.len(), "integration"),
            slugs.iter().map(Slug::as_str).collect::<Vec<_>>().join(", ")
        ),
    };
    let details = if change.details.is_empty() { String::new() } else { format!("{}\n", change.details) };
    let message = format!("{}{of}\n\n{details}By {}, through spile's server.\n", change.verb, who.name);
    let (project, author) = (&app.setup().project, who.author());
    let written = change.edits.carry_out(project, &destination, &author, &message).await;
    app.forget_files().await;
    let result = match &written {
        Ok(WriteOutcome::Files { .. }) => None,
        Ok(WriteOutcome::Branch { branch, .. }) => Some(format!("branch {branch}")),
        Err(error) => Some(failed(error)),
    };
    let noted = app.note(who, &change.verb.to_lowercase(), change.slugs, result);
    let written = written?;
    noted?;
    let applied = match app.setup().writing {
        Writing::Applied => Some(apply_changed(app, who, change.slugs).await),
        Writing::Not | Writing::To(_) => None,
    };
    Ok(ChangeOutcome { written, applied })
}

/// Applies what has just been written.
///
/// # Errors
/// As [`apply`].
pub async fn apply_changed(app: &App, who: &Caller, slugs: &[Slug]) -> Result<(), Refusal> {
    let desk = app.reload().await?;
    let mut options = ops::plan::Options::everything(desk.environment.clone());
    options.selection = Selection::known_of(slugs.iter().cloned());
    let plan = ops::plan(&desk.world, &desk.loaded, &options).await?;
    apply(app, &desk, who, &Apply::of(&plan)).await
}

/// Plans all integrations, or the named ones.
///
/// # Errors
/// If a name is unknown, or a target does not answer.
pub async fn plan(desk: &ProjectView, only: Option<&str>) -> Result<Plan, Refusal> {
    let mut options = ops::plan::Options::everything(desk.environment.clone());
    if let Some(only) = only.filter(|only| !only.is_empty()) {
        let known = || desk.loaded.integrations.by_slug().map(|one| one.slug.as_str()).collect::<Vec<_>>();
        let unknown = |name: &str| ops::unknown_names(&[name.to_owned()], &known());
        let slugs = only.split(',').map(|name| name.trim().parse().map_err(|_| unknown(name)));
        options.selection = Selection::exactly(slugs.collect::<Result<Vec<Slug>, _>>()?);
    }
    Ok(ops::plan(&desk.world, &desk.loaded, &options).await?)
}

/// A plan to carry out.
pub struct Apply<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What the user has acknowledged.
    pub allowance: Allowance,
    /// The word for it in the audit log: `apply` or `rollback`.
    pub action: &'static str,
}

impl<'a> Apply<'a> {
    /// Returns an apply of a plan that exceeds no guard.
    pub fn of(plan: &'a Plan) -> Self {
        Self { plan, allowance: Allowance::default(), action: "apply" }
    }
}

/// Applies a plan.
///
/// # Errors
/// If the plan exceeds the guard, is stale, or a target refuses it.
pub async fn apply(app: &App, desk: &ProjectView, who: &Caller, apply: &Apply<'_>) -> Result<(), Refusal> {
    let Apply { plan, allowance, action } = *apply;
    if app.setup().writing == Writing::Not {
        return Err(read_only());
    }
    let (actor, commit) = (who.name.clone(), git::checked_out(desk.world.project.root()));
    let origin = ApplyOrigin { plan: plan.id(), actor, commit, at: Timestamp::now(), rendered: None };
    let options = ops::apply::Options { allowance, origin };
    let on_states = state_change::options(app, desk, who);
    let scope = state_change::scope(desk, &on_states);
    let applied = async {
        ops::plan::choices::check_backfills(scope, plan, &mut drop).await?;
        ops::apply(&desk.world, &desk.loaded, plan, &options, &mut drop).await?;
        ops::plan::choices::carry_out(scope, plan, &mut drop).await
    };
    let applied = applied.await;
    desk.forget().await;
    let slugs: Vec<Slug> = plan.touched().into_iter().map(|(slug, _)| slug).collect();
    let mut result = format!("plan {}, {}", plan.id(), ops::counted(slugs.len(), "integration"));
    if let Err(error) = &applied {
        // The registry may have accepted the plan before something else failed.
        result = format!("{result}, {}", failed(error));
    }
    let noted = app.note(who, action, if slugs.len() > MOST_NAMED { &[] } else { &slugs }, Some(result));
    applied?;
    noted
}

/// Starts a run of an integration, and records who asked for it.
///
/// # Errors
/// If the run is refused.
pub async fn run(app: &App, who: &Caller, desk: &Arc<ProjectView>, asked: &RunRequest) -> Result<Begun, Refusal> {
    let begun = begin(app, desk, asked).await;
    let result = match &begun {
        Ok(begun) => format!("run {}", begun.id),
        Err(refusal) => format!("failed: {}", refusal.code),
    };
    let noted = app.note(who, asked.kind.word(), std::slice::from_ref(&asked.slug), Some(result));
    let begun = begun?;
    noted?;
    Ok(begun)
}

/// An action on several integrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bulk {
    /// Test the connections.
    Test,
    /// Start syncs.
    Sync,
    /// Enable the integrations in their files.
    Enable,
    /// Disable the integrations in their files.
    Disable,
    /// Delete the integrations' files.
    Delete,
}

/// The result of a bulk action.
pub struct Done {
    /// The runs that started or wait for their turn, by integration.
    pub runs: BTreeMap<Slug, Uuid>,
    /// The reasons why other runs were refused.
    pub refused: BTreeMap<Slug, Refusal>,
    /// The change to files, if the action made one.
    pub made: Option<ChangeOutcome>,
}

/// Performs one action on several integrations. File changes are all or nothing; each run starts by itself.
///
/// # Errors
/// If the list is empty, every run is refused, the files would have problems, or nothing can be written.
pub async fn bulk(app: &App, who: &Caller, action: Bulk, slugs: &[Slug]) -> Result<Done, Refusal> {
    if slugs.is_empty() {
        return Err(nothing_selected());
    }
    let kind = match action {
        Bulk::Test => RunKind::Test,
        Bulk::Sync => RunKind::Sync,
        Bulk::Enable | Bulk::Disable | Bulk::Delete => return switched(app, who, action, slugs).await,
    };
    let desk = app.desk().await?;
    let mut done = Done { runs: BTreeMap::new(), refused: BTreeMap::new(), made: None };
    for slug in slugs {
        match run(app, who, &desk, &RunRequest::of(kind, slug)).await {
            Ok(begun) => drop(done.runs.insert(slug.clone(), begun.id)),
            Err(refusal) => drop(done.refused.insert(slug.clone(), refusal)),
        }
    }
    match done.refused.first_key_value() {
        Some((_, refusal)) if done.runs.is_empty() => Err(refusal.clone()),
        _ => Ok(done),
    }
}

/// Returns the refusal of an action on nothing.
pub fn nothing_selected() -> Refusal {
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "spile::http::field", "no integration is selected")
        .help("select at least one")
}

async fn switched(app: &App, who: &Caller, action: Bulk, slugs: &[Slug]) -> Result<Done, Refusal> {
    let _turn = app.turn().await;
    let desk = app.to_change(slugs).await?;
    let edits = switching(&desk, action, slugs)?;
    ops::check(&edits.over(&desk.world.project))?;
    let verb = match action {
        Bulk::Enable => "Enable",
        Bulk::Disable => "Disable",
        _ => "Delete",
    };
    let made = carry_out(app, who, &Change { edits, slugs, verb, details: String::new(), onto: desk.proposal.clone() })
        .await?;
    Ok(Done { runs: BTreeMap::new(), refused: BTreeMap::new(), made: Some(made) })
}

/// Returns the file edits that enable, disable or delete integrations.
///
/// # Errors
/// If an integration does not exist or is protected, or its files cannot be read.
pub fn switching(desk: &ProjectView, action: Bulk, slugs: &[Slug]) -> Result<Edits, Refusal> {
    if action == Bulk::Delete {
        check_unused(desk, slugs)?;
    }
    let mut edits = Edits::default();
    for slug in slugs {
        let integration = desk.loaded.named(slug.as_str())?;
        edits.extend(match action {
            Bulk::Delete => author::remove_files(&desk.world.project, integration)?,
            _ => ops::switch::edits_of(&desk.world, integration, to(action), &desk.environment)?,
        });
    }
    Ok(edits)
}

/// Refuses to delete a destination that something else still writes to.
fn check_unused(desk: &ProjectView, slugs: &[Slug]) -> Result<(), Refusal> {
    let stays = |one: &&Arc<Integration>| !slugs.contains(&one.slug);
    let writes_to = |one: &Integration, slug: &Slug| one.at(&desk.environment).loader.as_ref() == Some(slug);
    for slug in slugs {
        let users: Vec<String> = desk
            .loaded
            .integrations
            .by_slug()
            .filter(stays)
            .filter(|one| writes_to(one, slug))
            .map(|one| format!("`{}`", one.slug))
            .collect();
        if !users.is_empty() {
            let users = users.join(", ");
            let detail = format!("`{slug}` is the destination of {users}");
            let help = format!("choose another destination for {users} first, or delete both");
            let code = "spile::integration::unknown_loader";
            return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail).help(help));
        }
    }
    Ok(())
}

fn to(action: Bulk) -> Switch {
    if action == Bulk::Enable { Switch::On } else { Switch::Off }
}
