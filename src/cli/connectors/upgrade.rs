//! `spile connectors upgrade`

use super::from::How;
use super::{Global, KindArg, Output};
use spile_core::connector::Role;
use spile_core::definition::DefinitionHints;
use spile_ops::Error;
use spile_ops::connectors::{self, Prepared};
use spile_ops::lock;
use spile_view as view;

/// What to upgrade, and how.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The connector's name, as in `type` of an integration
    name: String,
    /// Pick the extractor or the loader if both have this name
    #[arg(long)]
    kind: Option<KindArg>,
    /// The newer definition, in any form that `connectors import` takes [default: where the current one came from, or the
    /// downloaded hub]
    #[arg(long)]
    from: Option<String>,
    #[command(flatten)]
    how: How,
    /// Show what would change without writing anything
    #[arg(long)]
    dry_run: bool,
    /// Skip the confirmation prompt
    #[arg(short, long)]
    yes: bool,
    /// Write even if files of integrations become invalid
    #[arg(long)]
    force: bool,
}

pub(super) async fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let project = global.project()?;
    let own = connectors::own(&project, &args.name, args.kind.map(Role::from))?;
    let from = match &args.from {
        Some(from) => from.clone(),
        None => connectors::source_of(&project, &own.connector)?,
    };
    let mut asked = DefinitionHints::default();
    let source = args.how.fetch(&from, &project, &mut asked, output).await?;
    let prepared = connectors::prepare(&project, &own, &source, &asked)?;
    output.result(|| view::connectors::hub::upgrade(&prepared), &view::connectors::hub::upgrade_data(&prepared));
    if prepared.is_empty() || args.dry_run {
        return Ok(0);
    }
    write(prepared, &project, args, output)
}

fn write(prepared: Prepared, project: &spile_world::Project, args: &Args, output: &mut Output) -> Result<u8, Error> {
    if !prepared.problems.problems().is_empty() && !args.force {
        return Err(Error::Upgraded { name: prepared.name, report: prepared.problems });
    }
    if !args.yes && !output.confirm(&format!("Write this to `{}`?", prepared.path.display())) {
        return Err(Error::Stopped);
    }
    connectors::write(project, &prepared)?;
    output.step("Wrote", &prepared.path.display().to_string());
    let plugin = &prepared.plugin;
    if let Some(reason) = lock::outdated(project, plugin)? {
        output.note(&format!("the lock of `{0}` is out of date: {reason}\nrun `spile lock {0}`\n", plugin.name));
    }
    Ok(0)
}
