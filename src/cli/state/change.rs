//! The commands that change bookmarks: each shows a plan and asks first.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::super::Output;
use spile_ops::Error;
use spile_ops::state::{self, Action, Scope, Side, StatePlan};
use spile_view as view;
use spile_world::files::door::text_named;

/// Where standard input is a file.
const STDIN: &str = "/dev/stdin";

/// What the user agrees to beforehand.
#[derive(Debug, Clone, Copy, clap::Args)]
struct Consent {
    /// Skip the confirmation prompt
    #[arg(short, long)]
    yes: bool,
    /// Show the plan and change nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
}

/// Give the bookmark of a stream another value: the next sync continues from there
#[derive(Debug, clap::Args)]
pub(super) struct SetArgs {
    /// Name of the integration
    #[arg(value_name = "SLUG")]
    slug: String,
    /// Name of the stream
    #[arg(value_name = "STREAM")]
    stream: String,
    /// The value, of the kind that the bookmark has: a time, a date, a number or text
    #[arg(value_name = "VALUE", allow_hyphen_values = true)]
    value: String,
    /// Which value, if the bookmark has several, or the replication key of a stream without a bookmark
    #[arg(long, value_name = "NAME")]
    key: Option<String>,
    #[command(flatten)]
    consent: Consent,
}

/// Remove the bookmarks of streams, or of all: the next sync reads them from the beginning
#[derive(Debug, clap::Args)]
pub(super) struct ClearArgs {
    /// Name of the integration
    #[arg(value_name = "SLUG")]
    slug: String,
    /// Names of the streams [default: all]
    #[arg(value_name = "STREAM")]
    streams: Vec<String>,
    #[command(flatten)]
    consent: Consent,
}

/// Copy the bookmarks of an integration to another one of the same tap
#[derive(Debug, clap::Args)]
pub(super) struct CopyArgs {
    /// Name of the integration that has them
    #[arg(value_name = "FROM")]
    from: String,
    /// Name of the integration that gets them
    #[arg(value_name = "TO")]
    to: String,
    #[command(flatten)]
    consent: Consent,
}

/// Restore the bookmarks from before or after a sync or a change
#[derive(Debug, clap::Args)]
pub(super) struct RestoreArgs {
    /// Name of the integration
    #[arg(value_name = "SLUG")]
    slug: String,
    #[command(flatten)]
    moment: Moment,
    #[command(flatten)]
    consent: Consent,
}

/// Which bookmarks are restored
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Moment {
    /// Restore what this sync or change left; the first characters of its ID are enough (from `spile state history`)
    #[arg(long, value_name = "RUN")]
    to: Option<String>,
    /// Restore what was there before this sync or change: undoes it
    #[arg(long, value_name = "RUN")]
    before: Option<String>,
}

/// Take bookmarks from a file that `spile state export` wrote
#[derive(Debug, clap::Args)]
pub(super) struct ImportArgs {
    /// The file, or `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only the bookmarks of these integrations [default: all in the file]
    #[arg(value_name = "SLUG")]
    slugs: Vec<String>,
    #[command(flatten)]
    consent: Consent,
}

impl SetArgs {
    pub(super) async fn exec(&self, scope: Scope<'_>, output: &mut Output) -> Result<(), Error> {
        let Self { stream, value, key, .. } = self;
        let action = Action::Set { stream: stream.clone(), value: value.clone(), key: key.clone() };
        one(scope, &self.slug, &action, self.consent, output).await
    }
}

impl ClearArgs {
    pub(super) async fn exec(&self, scope: Scope<'_>, output: &mut Output) -> Result<(), Error> {
        one(scope, &self.slug, &Action::Clear { streams: self.streams.clone() }, self.consent, output).await
    }
}

impl CopyArgs {
    pub(super) async fn exec(&self, scope: Scope<'_>, output: &mut Output) -> Result<(), Error> {
        one(scope, &self.to, &Action::Copy { from: self.from.clone() }, self.consent, output).await
    }
}

impl RestoreArgs {
    pub(super) async fn exec(&self, scope: Scope<'_>, output: &mut Output) -> Result<(), Error> {
        let (id, side) = match &self.moment {
            Moment { before: Some(id), .. } => (id.clone(), Side::Before),
            Moment { to, before: None } => (to.clone().unwrap_or_default(), Side::After),
        };
        one(scope, &self.slug, &Action::Restore { id, side }, self.consent, output).await
    }
}

impl ImportArgs {
    pub(super) async fn exec(&self, scope: Scope<'_>, output: &mut Output) -> Result<(), Error> {
        let opened = if self.file == Path::new("-") { Path::new(STDIN) } else { &self.file };
        let text = text_named(opened).map_err(|why| Error::of_named(&self.file, why))?;
        let export = state::read_export(&text)?;
        let mut plans = Vec::new();
        for exported in export.of(&self.slugs)? {
            let action = Action::Import { state: Some(exported.read()?), tap: exported.tap.clone() };
            plans.push(state::plan(scope, exported.slug.as_str(), &action, &mut |event| output.event(&event)).await?);
        }
        carry_out(scope, &plans, self.consent, output).await
    }
}

async fn one(
    scope: Scope<'_>,
    slug: &str,
    action: &Action,
    consent: Consent,
    output: &mut Output,
) -> Result<(), Error> {
    let plan = state::plan(scope, slug, action, &mut |event| output.event(&event)).await?;
    carry_out(scope, &[plan], consent, output).await
}

/// Shows plans, asks, and makes what they say, one after another.
async fn carry_out(scope: Scope<'_>, plans: &[StatePlan], consent: Consent, output: &mut Output) -> Result<(), Error> {
    if output.is_text() {
        let shown: Vec<String> = plans.iter().map(view::states::plan).collect();
        output.text(&shown.join("\n"));
    }
    let wanted: Vec<&StatePlan> = plans.iter().filter(|plan| !plan.is_empty()).collect();
    let mut changes = Vec::new();
    if !consent.dry_run && !wanted.is_empty() {
        if !consent.yes && !output.confirm(&question(scope)) {
            return Err(Error::Declined);
        }
        for plan in wanted {
            let change = state::apply(scope, plan, &mut |event| output.event(&event)).await?;
            let undo = format!("undo: spile state restore {} --before {}", change.slug, change.id);
            output.step("Changed", &format!("the bookmarks of `{}`; {undo}", change.slug));
            changes.push(change);
        }
    }
    output.result(String::new, &json!({ "plans": plans, "changes": changes }));
    Ok(())
}

fn question(scope: Scope<'_>) -> String {
    let environment = &scope.options.environment;
    let warning = if scope.loaded.settings.protects(environment) { ", which is protected" } else { "" };
    format!("Change the bookmarks in the environment `{environment}`{warning}?")
}
