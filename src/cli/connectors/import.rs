//! `spile connectors import`

use super::from::How;
use super::{Global, KindArg, Output};
use spile_core::connector::Role;
use spile_core::definition::Asked;
use spile_ops::Error;
use spile_ops::connectors::{self, Overwriting};
use spile_view as view;

/// What is imported, and as what.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A file, or `-` for standard input: a definition of the Meltano hub as YAML or JSON, a lock file of Meltano, a
    /// meltano.yml, or what a tap says with `--about --format=json`. Or `hub:PLUGIN`, such as `hub:tap-github`: what
    /// `connectors update` has kept. Or `pip:REQUIREMENT`: that is installed for a moment and asked. Or
    /// `builtin:NAME`: a built-in connector, to be changed
    from: String,
    /// The connector's name, instead of the plugin's without `tap-` or `target-`
    #[arg(long)]
    name: Option<String>,
    /// Which side of a pipeline it is, where the definition does not say it
    #[arg(long)]
    kind: Option<KindArg>,
    /// The plugin, where a meltano.yml has several
    #[arg(long)]
    plugin: Option<String>,
    #[command(flatten)]
    how: How,
    /// Replace the connector of that name
    #[arg(long)]
    force: bool,
}

pub(super) async fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let project = global.project()?;
    let mut asked = Asked {
        name: args.name.clone(),
        role: args.kind.map(Role::from),
        plugin: args.plugin.clone(),
        ..Asked::default()
    };
    let source = args.how.fetch((&args.from, &project), &mut asked, output).await?;
    let overwriting = if args.force { Overwriting::Forced } else { Overwriting::Refused };
    let imported = connectors::import(&project, &source, &asked, overwriting)?;
    output.result(|| view::connectors::imported(&imported), &imported);
    Ok(0)
}
