//! `spile plan`

use std::path::PathBuf;

use super::scope::Scope;
use super::{Global, Output, exit};
use crate::ops::{self, Error, Loaded};
use crate::plan::{Compared, Plan};
use crate::view;
use crate::view::plan_json::PlanData;
use crate::view::report::ProblemData;

/// Show what apply would change in the registry and in meltano.yml; write nothing
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    scope: Scope,
    /// Exit with 2 when there are changes, with 3 when some are destructive
    #[arg(long)]
    exit_code: bool,
    /// Compare meltano.yml alone: no registry is asked, and none of its variables is needed
    #[arg(long, conflicts_with = "adopt")]
    offline: bool,
    /// Also write the plan as JSON to a file, for `spile apply FILE`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Plans and shows.
pub(super) async fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, environment) = if args.offline { global.offline(output)? } else { global.open(output)? };
    let mut options = args.scope.options((&world, &loaded), environment).await?;
    if args.offline {
        options.compared = Compared::FileOnly;
    }
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

/// Writes a plan.
pub(super) fn show(plan: &Plan, loaded: &Loaded, output: &mut Output) {
    output.result(|| view::plan::text(plan, loaded.settings.guard), &data(plan, loaded));
}

fn data<'a>(plan: &'a Plan, loaded: &Loaded) -> PlanData<'a> {
    let problems = loaded.advice.problems().iter().map(ProblemData::from).collect();
    PlanData::of(plan, loaded.settings.guard, problems)
}
