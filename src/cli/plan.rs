//! `spile plan`

use std::path::{Path, PathBuf};

use tokio::sync::watch;

use super::discover::PATIENCE;
use super::plan_selection::PlanSelection;
use super::signals::pass_on;
use super::untrusted::UntrustedRefusal;
use super::{Format, Global, Output, exit, host};
use spile_core::connector::Role;
use spile_core::plan::{Action, Compared, Plan};
use spile_ops::saved_plan::{SavedPlan, SavedPlanError};
use spile_ops::{self as ops, Error, Loaded};
use spile_view as view;
use spile_view::plan_data::{PlanData, PreviewData, digest};
use spile_view::report::ProblemData;
use spile_world::files::door::read_named;
use spile_world::files::door::{replace, replace_named};
use spile_world::files::path_walk::way;
use spile_world::files::project::Trust;
use spile_world::files::user_files::repositories;
use spile_world::{Project, World};

/// Show what apply would change in the registry, meltano.yml and outputs
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    show: Option<Saved>,
    #[command(flatten)]
    selection: PlanSelection,
    /// Exit with 2 if there are changes, with 3 if some are destructive
    #[arg(long)]
    exit_code: bool,
    /// Compare with meltano.yml only, without the registry and its variables
    #[arg(long, conflicts_with = "adopt")]
    offline: bool,
    /// Read the first N records of each stream of the sources that change, and say where they are [default: 10]
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "10", conflicts_with = "offline", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    preview: Option<u32>,
    /// Save the plan to a file for `spile apply FILE` and `spile plan show FILE`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    copies: Copies,
}

/// How to use a saved plan.
#[derive(Debug, clap::Subcommand)]
enum Saved {
    /// Show a saved plan
    Show {
        /// File written by `spile plan --out`
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Exit with 2 if it has changes, with 3 if some are destructive
        #[arg(long)]
        exit_code: bool,
    },
}

/// Additional files to write the plan to.
#[derive(Debug, Clone, clap::Args)]
pub struct Copies {
    /// Also write the plan as JSON to this file
    #[arg(long, value_name = "FILE")]
    out_json: Option<PathBuf>,
    /// Also write the plan as Markdown to this file, for a pull request comment
    #[arg(long, value_name = "FILE")]
    out_markdown: Option<PathBuf>,
}

impl Copies {
    /// Writes the files.
    pub(super) fn write(&self, plan: &PlanData, project: &Project) -> Result<(), Error> {
        if let Some(path) = &self.out_json {
            write(path, &serde_json::to_vec_pretty(plan).unwrap_or_default(), project)?;
        }
        match &self.out_markdown {
            Some(path) => write(path, view::plan_markdown::markdown(plan).as_bytes(), project),
            None => Ok(()),
        }
    }
}

impl Args {
    /// Returns why the command is refused for an untrusted project.
    pub(super) fn refusal(&self) -> Option<UntrustedRefusal> {
        self.selection.adopts().then_some(UntrustedRefusal::Asks)
    }
}

/// Plans and shows the plan.
pub(super) async fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    if let Some(Saved::Show { file, exit_code }) = &args.show {
        let (_, plan) = read(file)?;
        show(&plan, output);
        return Ok(code(&plan, *exit_code));
    }
    let is_offline = args.offline || global.trust() == Trust::Untrusted;
    let (loaded, world, environment) = if is_offline { global.offline(output)? } else { global.open(output)? };
    let mut options = args.selection.options(&world, &loaded, environment).await?;
    if is_offline {
        options.compared = Compared::FileOnly;
    }
    let plan = ops::plan(&world, &loaded, &options).await?;
    advise(&plan, output);
    if global.trust() == Trust::Own && !output.is_json() {
        output.note(&view::locks::pending(&ops::lock::pending(&world, &loaded)));
    }
    let previews = match args.preview {
        Some(records) => {
            previews(Previewing { world: &world, loaded: &loaded, plan: &plan, records, trust: global.trust() }, output)
                .await
        }
        None => Vec::new(),
    };
    let plan = PlanData { previews, ..data(&plan, &loaded) };
    show(&plan, output);
    if let Some(path) = &args.out {
        let sealed = serde_json::to_vec_pretty(&plan.sealed((world.clock)())).unwrap_or_default();
        write(path, &sealed, &world.project)?;
    }
    args.copies.write(&plan, &world.project)?;
    Ok(code(&plan, args.exit_code))
}

/// How many sources of a plan are previewed.
const MOST_PREVIEWS: usize = 10;

/// What is previewed.
struct Previewing<'a> {
    world: &'a World,
    loaded: &'a Loaded,
    plan: &'a Plan,
    records: u32,
    trust: Trust,
}

/// Reads the first records of the sources that a plan changes. What cannot be read, for example because its key is not here,
/// does not fail the plan.
async fn previews(of: Previewing<'_>, output: &mut Output) -> Vec<PreviewData> {
    let Previewing { world, loaded, plan, records, trust } = of;
    let touched = plan.touched().into_iter().filter(|(_, id)| plan.action(id) != Action::Delete);
    let sources =
        touched.filter(|(_, id)| loaded.integrations.get(id).is_some_and(|one| one.role() == Role::Extractor));
    let (interrupted, interrupt) = watch::channel(false);
    let (environment, streams) = (plan.environment.clone(), Vec::new());
    let probe = ops::ProbeOptions { environment, streams, timeout: PATIENCE, host: host(), interrupt };
    let options = ops::preview::Options { probe, records };
    let signals = tokio::spawn(pass_on(interrupted));
    let mut previews = Vec::new();
    for (number, (slug, _)) in sources.enumerate() {
        let refusal = match trust {
            Trust::Untrusted => Some("`--untrusted` starts no program and opens no secret".to_owned()),
            Trust::Own if number >= MOST_PREVIEWS => {
                Some(format!("a plan previews {MOST_PREVIEWS} sources; run `spile sync {slug} --preview {records}`"))
            }
            Trust::Own => None,
        };
        if let Some(why) = refusal {
            previews.push(PreviewData::missing(slug, why));
            continue;
        }
        let read = ops::preview(world, loaded, slug.as_str(), &options, &mut |event| output.event(&event)).await;
        previews.push(match read {
            Ok(previewed) => PreviewData::from(&previewed),
            Err(error) => PreviewData::missing(slug, error.to_string()),
        });
    }
    signals.abort();
    previews
}

fn code(plan: &PlanData, wanted: bool) -> u8 {
    match (wanted, plan.is_empty(), plan.destructive) {
        (false, ..) | (true, true, _) => 0,
        (true, false, false) => exit::CHANGES,
        (true, false, true) => exit::DESTRUCTIVE,
    }
}

/// Writes advice about the plan to standard error; in data, it is a part of the plan.
pub(super) fn advise(plan: &Plan, output: &mut Output) {
    if !plan.findings.advice.problems().is_empty() {
        output.note(&view::report::problems(&plan.findings.advice));
    }
}

/// Writes a plan.
pub(super) fn show(plan: &PlanData, output: &mut Output) {
    match output.format() {
        Format::Markdown => output.text(&view::plan_markdown::markdown(plan)),
        _ => output.result(|| view::plan::text(plan, jiff::Timestamp::now()), plan),
    }
}

/// Returns a plan as data.
pub(super) fn data(plan: &Plan, loaded: &Loaded) -> PlanData {
    let problems = loaded.advice.problems().iter().map(ProblemData::from).collect();
    PlanData::of(plan, loaded.settings.guard, problems)
}

/// Reads a saved plan.
pub(super) fn read(path: &Path) -> Result<(SavedPlan, PlanData), Error> {
    let bytes = read_named(path).map_err(|why| Error::of_named(path, why))?;
    let (saved, value) = SavedPlan::read(&bytes, digest)?;
    let plan = serde_json::from_value(value);
    let plan = plan.map_err(|error| SavedPlanError::Form { what: error.to_string() })?;
    Ok((saved, plan))
}

/// Tells whether the path to a file follows a link inside an untrusted repository, whose author made it. The last
/// component of the path is not followed.
fn leads_elsewhere(path: &Path, project: &Project) -> std::io::Result<bool> {
    let above = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let repositories = repositories(project.root(), None);
    let is_theirs = |link: &PathBuf| repositories.iter().any(|root| link.starts_with(root));
    Ok(way(above)?.links.iter().any(is_theirs))
}

/// Writes a file that the command line names. In an untrusted folder, a link of that name was not the user's choice.
fn write(path: &Path, bytes: &[u8], project: &Project) -> Result<(), Error> {
    let written = match project.trust() {
        Trust::Own => replace_named(path, bytes),
        Trust::Untrusted => leads_elsewhere(path, project).and_then(|leads| {
            if leads { Err(std::io::Error::other("a link is in the way")) } else { replace(path, bytes) }
        }),
    };
    written.map_err(|source| Error::of_written(path, source))
}
