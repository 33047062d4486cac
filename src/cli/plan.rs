//! `spile plan`

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{Global, Output, exit};
use crate::name::{EnvironmentName, Slug};
use crate::ops::{self, Error, Loaded};
use crate::plan::{Plan, Scope};
use crate::view;
use crate::view::plan_json::PlanData;
use crate::view::report::ProblemData;

/// Show what apply would change in the registry and in meltano.yml; write nothing
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only these integrations, by name; all others stay as they are
    #[arg(long, value_name = "SLUG", num_args = 1..)]
    pub only: Vec<String>,
    /// Exit with 2 when there are changes, with 3 when some are destructive
    #[arg(long)]
    exit_code: bool,
    /// Also write the plan as JSON to a file, for `spile apply FILE`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Plans and shows.
pub(super) async fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, environment) = global.open(output)?;
    let options = options(&args.only, environment)?;
    let plan = ops::plan(&world, &loaded, &options).await?;
    show(&plan, &loaded, output);
    if let Some(path) = &args.out {
        let json = serde_json::to_vec_pretty(&data(&plan, &loaded)).unwrap_or_default();
        crate::world::project::replace(path, &json).map_err(|source| Error::Io {
            doing: "write",
            path: path.display().to_string(),
            source,
        })?;
    }
    Ok(match (args.exit_code, plan.is_empty(), plan.is_destructive()) {
        (false, ..) | (true, true, _) => 0,
        (true, false, false) => exit::CHANGES,
        (true, false, true) => exit::DESTRUCTIVE,
    })
}

/// Returns what a plan is about.
pub(super) fn options(only: &[String], environment: EnvironmentName) -> Result<ops::plan::Options, Error> {
    let slugs: BTreeSet<Slug> = only.iter().filter_map(|name| name.parse().ok()).collect();
    if let Some(bad) = only.iter().find(|name| name.parse::<Slug>().is_err()) {
        let help = "names are lower-case letters, digits and dashes".to_owned();
        return Err(Error::UnknownNames { names: vec![format!("`{bad}`")], help });
    }
    let scope = if only.is_empty() { Scope::Everything } else { Scope::Only(slugs) };
    Ok(ops::plan::Options { environment, scope })
}

/// Writes a plan.
pub(super) fn show(plan: &Plan, loaded: &Loaded, output: &mut Output) {
    output.result(|| view::plan::text(plan, loaded.settings.guard), &data(plan, loaded));
}

fn data<'a>(plan: &'a Plan, loaded: &Loaded) -> PlanData<'a> {
    let problems = loaded.advice.problems().iter().map(ProblemData::from).collect();
    PlanData::of(plan, loaded.settings.guard, problems)
}
