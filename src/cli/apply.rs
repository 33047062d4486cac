//! `spile apply`

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::plan_selection::PlanSelection;
use super::state::Session;
use super::surroundings::actor;
use super::{Global, Output, plan};
use spile_core::name::EnvironmentName;
use spile_core::plan::Plan;
use spile_core::plan::guard::Allowance;
use spile_ops::saved_plan::SavedPlanError;
use spile_ops::{self as ops, Error, Loaded};
use spile_view as view;
use spile_view::plan_data::PlanData;
use spile_world::processes::git::checked_out;
use spile_world::{Origin, World};

/// Make the registry, meltano.yml and outputs match the files, after showing the plan and asking
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A plan saved with `spile plan --out`; apply exactly this plan or nothing
    #[arg(value_name = "FILE", conflicts_with_all = ["only", "exclude", "changed_since", "adopt", "forward_only", "backfill"])]
    plan: Option<PathBuf>,
    /// Refuse a saved plan older than this, for example `1h` or `30m`
    #[arg(long, value_name = "AGE", requires = "plan")]
    max_age: Option<SignedDuration>,
    /// Apply only if the plan has this ID (from `spile plan`; the first 12 characters are enough)
    #[arg(long, value_name = "ID", conflicts_with = "plan", value_parser = plan_id)]
    plan_id: Option<String>,
    /// Have the next sync read again what the plan calls a resync, or only these streams, by removing their bookmarks
    #[arg(long, value_name = "STREAM", num_args = 0.., require_equals = true, value_delimiter = ',')]
    resync: Option<Vec<String>>,
    #[command(flatten)]
    pub(super) consent: Consent,
    #[command(flatten)]
    selection: PlanSelection,
    #[command(flatten)]
    copies: plan::Copies,
}

fn plan_id(text: &str) -> Result<String, String> {
    let is_hex = text.chars().all(|c| c.is_ascii_hexdigit());
    if is_hex && (12..=64).contains(&text.len()) {
        return Ok(text.to_lowercase());
    }
    Err("use at least 12 characters of the ID, digits and `a` to `f`".to_owned())
}

/// The user's consent, given in advance.
#[derive(Debug, Clone, clap::Args)]
pub struct Consent {
    /// Skip the confirmation prompt
    #[arg(short, long)]
    pub yes: bool,
    /// Lift a guard by confirming the exact number: `delete=N`, `change=N`, `resync=N`, or `overwrite=N` for edits by hand in meltano.yml
    #[arg(long, value_name = "WHAT=N", value_parser = allowance)]
    pub allow: Vec<Allowance>,
}

impl Consent {
    fn allowance(&self) -> Allowance {
        self.allow.iter().fold(Allowance::default(), |all, one| Allowance {
            delete: one.delete.or(all.delete),
            change: one.change.or(all.change),
            resync: one.resync.or(all.resync),
            overwrite: one.overwrite.or(all.overwrite),
        })
    }
}

fn allowance(text: &str) -> Result<Allowance, String> {
    let number = |number: &str| number.parse::<usize>().map_err(|_| format!("`{number}` is not a number"));
    let none = Allowance::default();
    match text.split_once('=') {
        Some(("delete", count)) => Ok(Allowance { delete: Some(number(count)?), ..none }),
        Some(("change", count)) => Ok(Allowance { change: Some(number(count)?), ..none }),
        Some(("resync", count)) => Ok(Allowance { resync: Some(number(count)?), ..none }),
        Some(("overwrite", count)) => Ok(Allowance { overwrite: Some(number(count)?), ..none }),
        _ => Err("use `delete=N`, `change=N`, `resync=N` or `overwrite=N`".to_owned()),
    }
}

/// Plans, shows the plan, asks and applies it.
pub(super) async fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    match &args.plan {
        Some(path) => exec_saved(path, args, global, output).await,
        None => exec_new(args, global, output).await,
    }
}

async fn exec_new(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, environment) = global.open(output)?;
    let options = args.selection.options(&world, &loaded, environment).await?;
    let plan = ops::plan(&world, &loaded, &options).await?;
    let data = plan::data(&plan, &loaded);
    if let Some(asked) = args.plan_id.as_ref().filter(|asked| !data.id.starts_with(asked.as_str())) {
        return Err(Error::OtherPlan { asked: asked.clone(), found: data.id });
    }
    args.copies.write(&data, &world.project)?;
    args.carry_out(Session::of(world, loaded, plan.environment.clone()), Proposal { plan: &plan, data: &data }, output)
        .await
}

/// Applies a saved plan, if planning again gives the same plan.
async fn exec_saved(path: &Path, args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (saved, reviewed) = plan::read(path)?;
    if let Some(asked) = global.environment.as_ref().filter(|asked| *asked != saved.environment.as_str()) {
        return Err(SavedPlanError::Environment { found: saved.environment, asked: asked.clone() }.into());
    }
    let global = Global { environment: Some(saved.environment.to_string()), ..global.clone() };
    let (loaded, world, _) = global.open(output)?;
    saved.check(&loaded.settings.name, (world.clock)(), args.max_age)?;
    let plan = ops::plan(&world, &loaded, &saved.options()).await?;
    let now = plan::data(&plan, &loaded);
    if saved.id != now.id {
        return Err(Error::Stale { moved: view::plan_changes::between(&reviewed, &now) });
    }
    args.copies.write(&now, &world.project)?;
    args.carry_out(Session::of(world, loaded, plan.environment.clone()), Proposal { plan: &plan, data: &now }, output)
        .await
}

impl Args {
    /// Applies a plan, and removes the bookmarks of streams that the next sync reads again.
    async fn carry_out(&self, session: Session, proposal: Proposal<'_>, output: &mut Output) -> Result<u8, Error> {
        let streams = self.resync.as_deref();
        ops::state::has_resyncs(proposal.plan, streams.unwrap_or_default())?;
        let scope = session.scope();
        ops::plan::choices::check_backfills(scope, proposal.plan, &mut |event| output.event(&event)).await?;
        carry_out(scope.world, scope.loaded, proposal, &self.consent, output).await?;
        ops::plan::choices::carry_out(scope, proposal.plan, &mut |event| output.event(&event)).await?;
        if let Some(streams) = streams {
            let resyncs = ops::state::resyncs(scope, proposal.plan, streams, &mut |event| output.event(&event)).await?;
            for plan in &resyncs {
                ops::state::apply(scope, plan, &mut |event| output.event(&event)).await?;
                if let Some(choice) = &plan.choice {
                    output.chose(&plan.slug, &choice.what);
                }
            }
        }
        Ok(0)
    }
}

/// A plan, and its data to show.
#[derive(Clone, Copy)]
pub(super) struct Proposal<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The plan as data.
    pub data: &'a PlanData,
}

/// Shows a plan, asks and applies it.
pub(super) async fn carry_out(
    world: &World,
    loaded: &Loaded,
    proposal: Proposal<'_>,
    consent: &Consent,
    output: &mut Output,
) -> Result<(), Error> {
    let options = agree(world, loaded, proposal, consent, output)?;
    ops::apply(world, loaded, proposal.plan, &options, &mut |event| output.event(&event)).await
}

/// Shows a plan, and asks whether to apply it; a plan that apply would refuse is refused before that.
pub(super) fn agree(
    world: &World,
    loaded: &Loaded,
    Proposal { plan, data }: Proposal<'_>,
    consent: &Consent,
    output: &mut Output,
) -> Result<ops::apply::Options, Error> {
    plan::advise(plan, output);
    plan::show(data, output);
    let allowance = consent.allowance();
    if !plan.is_empty() {
        ops::apply::guard(plan, loaded, allowance)?;
        if !consent.yes && !output.confirm(&question(loaded, &plan.environment)) {
            return Err(Error::Declined);
        }
    }
    Ok(ops::apply::Options { allowance, origin: origin(world, data) })
}

fn question(loaded: &Loaded, environment: &EnvironmentName) -> String {
    let warning = if loaded.settings.protects(environment) { ", which is protected" } else { "" };
    format!("Apply this to the environment `{environment}`{warning}?")
}

fn origin(world: &World, plan: &PlanData) -> Origin {
    let at: Timestamp = (world.clock)();
    Origin { plan: plan.id.clone(), actor: actor(), commit: checked_out(world.project.root()), at, rendered: None }
}
