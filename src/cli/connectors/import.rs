//! `spile connectors import`

use super::from::How;
use super::{Global, KindArg, Output};
use spile_core::connector::Role;
use spile_core::definition::DefinitionHints;
use spile_ops::Error;
use spile_ops::connectors::{self, Overwriting};
use spile_view as view;

/// What to import.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What to import: a file or `-` for standard input (a Meltano hub definition as YAML or JSON, a Meltano lock file, a
    /// meltano.yml, or the output of a tap's `--about --format=json`); `hub:PLUGIN`, for example `hub:tap-github`, from
    /// Meltano Hub; `pip:REQUIREMENT`, which is installed into a temporary folder and asked for its settings; or
    /// `builtin:NAME`, to change a built-in connector
    from: String,
    /// Name of the connector [default: the plugin's name without `tap-` or `target-`]
    #[arg(long)]
    name: Option<String>,
    /// Extractor or loader, if the definition does not say which
    #[arg(long)]
    kind: Option<KindArg>,
    /// Which plugin, if the meltano.yml has several
    #[arg(long)]
    plugin: Option<String>,
    #[command(flatten)]
    how: How,
    /// Replace the connector if it exists
    #[arg(long)]
    force: bool,
}

pub(super) async fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let project = global.project()?;
    let mut asked = DefinitionHints {
        name: args.name.clone(),
        role: args.kind.map(Role::from),
        plugin: args.plugin.clone(),
        ..DefinitionHints::default()
    };
    let source = args.how.fetch(&args.from, &project, &mut asked, output).await?;
    let overwriting = if args.force { Overwriting::Forced } else { Overwriting::Refused };
    let imported = connectors::import(&project, &source, &asked, overwriting)?;
    output.result(|| view::connectors::imported(&imported), &imported);
    Ok(0)
}
