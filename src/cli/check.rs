//! `spile check`

use serde_json::json;

use super::untrusted::UntrustedRefusal;
use super::{Format, Global, Output, exit};
use spile_core::problem::Report;
use spile_ops::check::Knowledge;
use spile_ops::{self as ops, Error};
use spile_view::report::ProblemData;
use spile_view::{self as view, BAD, GOOD, styled};
use spile_world::Project;

/// Check every file of the project, without a network, a key or any change
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Also check `select`, `metadata` and table names against the catalogs saved by `spile discover`
    #[arg(long)]
    discover: bool,
    /// Also warn about what may become a problem: dense schedules, old secrets, unused loaders, unpinned plugins
    #[arg(long)]
    lint: bool,
    /// Treat warnings as errors, and sources without a saved catalog under `--discover`
    #[arg(long)]
    strict: bool,
}

impl Args {
    /// Returns why the command is refused for an untrusted project.
    pub(super) fn refusal(&self) -> Option<UntrustedRefusal> {
        self.discover.then_some(UntrustedRefusal::Believes)
    }
}

/// Checks, and reports success or what `--strict` does not allow.
pub(super) fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let project = global.project()?;
    let checked = if args.discover {
        ops::check::with_selection(&project, global.environment.as_deref())
    } else {
        ops::check(&project).map(|loaded| (loaded, Vec::new()))
    };
    let knowledge = if args.discover { Knowledge::Discovered } else { Knowledge::Selected };
    let checked = checked.and_then(|(loaded, undiscovered)| {
        let loaded = ops::check::with_tables(&project, loaded, global.environment.as_deref(), knowledge)?;
        let loaded = ops::check::with_contracts(&project, loaded, global.environment.as_deref())?;
        let loaded = ops::check::with_locks(&project, loaded)?;
        let (only, children) = (global.environment.as_deref(), super::host().environment);
        let variables = ops::check::variables(&project, &loaded, only, &children)?;
        Ok((loaded, undiscovered, variables))
    });
    let (mut loaded, undiscovered, variables) = match checked {
        Ok(checked) => checked,
        Err(Error::Problems(report)) if for_ci(&report, &project, output) => return Ok(exit::FAILED),
        Err(error) => return Err(error),
    };
    loaded.environment(global.environment.as_deref())?;
    let unset = variables.unset;
    loaded.advice = std::mem::take(&mut loaded.advice).and(variables.overridden);
    if args.lint {
        loaded = ops::check::with_lints(&project, loaded, jiff::Timestamp::now());
    }
    if !output.is_json() {
        output.note(&view::discover::undiscovered(&undiscovered, &loaded.settings.default_environment));
        output.note(&view::check::unset(&unset, &loaded.settings.default_environment));
    }
    let passes = !args.strict || loaded.advice.problems().is_empty() && undiscovered.is_empty();
    let code = if passes { 0 } else { exit::FAILED };
    if for_ci(&loaded.advice, &project, output) {
        return Ok(code);
    }
    let count = loaded.integrations.iter().count();
    let advice: Vec<ProblemData> = loaded.advice.problems().iter().map(ProblemData::from).collect();
    let mut data = json!({ "integrations": count, "problems": advice, "unset": unset });
    if args.discover {
        data["undiscovered"] = json!(undiscovered);
    }
    let text = || {
        let counted = ops::counted(count, "integration");
        let end = if passes {
            format!("{} {counted}, no problems", styled(GOOD.bold(), "ok:"))
        } else {
            let warnings = ops::counted(loaded.advice.problems().len(), "warning");
            let unknown = match undiscovered.len() {
                0 => String::new(),
                count => format!(", {} not discovered", ops::counted(count, "source")),
            };
            format!("{} {counted}, {warnings}{unknown}: `--strict` allows none", styled(BAD.bold(), "failed:"))
        };
        format!("{}{end}\n", view::report::problems(&loaded.advice))
    };
    output.result(text, &data);
    Ok(code)
}

/// Writes problems in a format for CI systems, if one is selected.
fn for_ci(report: &Report, project: &Project, output: &mut Output) -> bool {
    let way = project.in_repository();
    let text = match output.format() {
        Format::Sarif => format!("{:#}\n", view::check::sarif(report, &way)),
        Format::Junit => view::check::junit(report),
        Format::Github => view::check::github(report, &way),
        Format::Text | Format::Json | Format::Markdown => return false,
    };
    output.text(&text);
    true
}
