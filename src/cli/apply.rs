//! `spile apply`

use std::path::PathBuf;

use jiff::Timestamp;

use super::scope::Scope;
use super::{Global, Output, plan};
use crate::name::{EnvironmentName, Slug};
use crate::ops::{self, Error, Loaded};
use crate::plan::guard::Allowance;
use crate::plan::{Plan, Selection};
use crate::view::{GOOD, styled};
use crate::world::{Origin, World};

/// Change the registry and meltano.yml to what the files ask for, after showing the plan and asking
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A plan written by `spile plan --out`: apply exactly that one, or nothing
    #[arg(value_name = "FILE", conflicts_with_all = ["only", "exclude", "changed_since", "adopt"])]
    plan: Option<PathBuf>,
    #[command(flatten)]
    pub(super) consent: Consent,
    #[command(flatten)]
    scope: Scope,
}

/// What the user agrees to beforehand.
#[derive(Debug, Clone, clap::Args)]
pub struct Consent {
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Acknowledge a guard with the exact number: `delete=N` or `change=N`
    #[arg(long, value_name = "WHAT=N", value_parser = allowance)]
    pub allow: Vec<Allowance>,
}

impl Consent {
    fn allowance(&self) -> Allowance {
        self.allow.iter().fold(Allowance::default(), |all, one| Allowance {
            delete: one.delete.or(all.delete),
            change: one.change.or(all.change),
        })
    }
}

fn allowance(text: &str) -> Result<Allowance, String> {
    let number = |number: &str| number.parse::<usize>().map_err(|_| format!("`{number}` is not a number"));
    match text.split_once('=') {
        Some(("delete", count)) => Ok(Allowance { delete: Some(number(count)?), change: None }),
        Some(("change", count)) => Ok(Allowance { delete: None, change: Some(number(count)?) }),
        _ => Err("write `delete=N` or `change=N`".to_owned()),
    }
}

/// Plans, shows, asks and applies.
pub(super) async fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, environment) = global.open(output)?;
    let saved = args.plan.as_ref().map(|path| saved(path)).transpose()?;
    let planned = match &saved {
        Some(saved) => saved.options(environment),
        None => args.scope.options((&world, &loaded), environment).await?,
    };
    let plan = ops::plan(&world, &loaded, &planned).await?;
    if saved.is_some_and(|saved| saved.id != plan.id()) {
        return Err(Error::Stale);
    }
    carry_out((&world, &loaded), &plan, &args.consent, output).await?;
    Ok(0)
}

/// Shows a plan, asks and applies it; for `up` too.
pub(super) async fn carry_out(
    (world, loaded): (&World, &Loaded),
    plan: &Plan,
    consent: &Consent,
    output: &mut Output,
) -> Result<(), Error> {
    plan::show(plan, loaded, output);
    if plan.is_empty() {
        return Ok(());
    }
    let allowance = consent.allowance();
    let breaches = plan.breaches(loaded.settings.guard, allowance);
    if !breaches.is_empty() {
        return Err(Error::Refused(breaches));
    }
    if !consent.yes && !output.confirm(&question(loaded, &plan.environment)) {
        return Err(Error::Declined);
    }
    let origin = origin(world, plan);
    let options = ops::apply::Options { allowance, origin };
    ops::apply(world, loaded, (plan, &options), &mut |event| output.event(&event)).await?;
    let summary = plan.summary();
    let (create, update, delete) = (summary.create, summary.update, summary.delete);
    let done = styled(GOOD.bold(), "Applied:");
    output.note(&format!("{done} {create} created, {update} updated, {delete} deleted\n"));
    Ok(())
}

fn question(loaded: &Loaded, environment: &EnvironmentName) -> String {
    let protected = loaded.settings.environments.get(environment).is_some_and(|settings| settings.protected);
    let warning = if protected { ", which is protected" } else { "" };
    format!("Apply this to the environment `{environment}`{warning}?")
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
fn origin(world: &World, plan: &Plan) -> Origin {
    let actor = ["SPILE_ACTOR", "GITHUB_ACTOR", "GITLAB_USER_LOGIN", "USER"];
    let actor = actor.into_iter().find_map(|name| std::env::var(name).ok()).unwrap_or_else(|| "unknown".to_owned());
    let at: Timestamp = (world.clock)();
    Origin { plan: plan.id(), actor, commit: world.project.commit(), at, rendered: None }
}

/// What apply needs of a plan that was saved.
#[derive(serde::Deserialize)]
struct Saved {
    id: String,
    #[serde(default)]
    only: Vec<Slug>,
    #[serde(default)]
    adopted: Vec<Slug>,
}

impl Saved {
    fn options(&self, environment: EnvironmentName) -> ops::plan::Options {
        let selection = Selection::exactly(self.only.iter().cloned());
        let adopt = self.adopted.iter().cloned().collect();
        ops::plan::Options { selection, adopt, ..ops::plan::Options::everything(environment) }
    }
}

fn saved(path: &std::path::Path) -> Result<Saved, Error> {
    let io = |source| Error::Io { doing: "read", path: path.display().to_string(), source };
    let text = std::fs::read(path).map_err(io)?;
    serde_json::from_slice(&text).map_err(|error| io(std::io::Error::new(std::io::ErrorKind::InvalidData, error)))
}
