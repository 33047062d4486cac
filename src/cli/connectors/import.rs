//! `spile connectors import`

use std::io::{self, Read};
use std::time::Duration;

use tokio::sync::watch;

use super::{Global, KindArg, Output};
use crate::cli::host;
use crate::cli::run::{duration, pass_on};
use crate::connector::Role;
use crate::definition::{Asked, MOST_BYTES};
use crate::ops::Error;
use crate::ops::connectors::{self, Overwriting};
use crate::source::Source;
use crate::view;
use crate::world::{Project, meltano};

/// How long installing a tap may take, and then its answer, where nothing is said.
const PATIENCE: Duration = Duration::from_mins(5);

/// What is imported, and as what.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A file, or `-` for standard input: a definition of the Meltano hub as YAML or JSON, a lock file of Meltano, a
    /// meltano.yml, or what a tap says with `--about --format=json`. Or `pip:REQUIREMENT`: that is installed for a moment
    /// and asked
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
    /// The command that `pip:REQUIREMENT` installs, where it installs several
    #[arg(long)]
    executable: Option<String>,
    /// How long `pip:REQUIREMENT` may take, in seconds or as `2h`; left out: 5 minutes
    #[arg(long, value_name = "TIME", value_parser = duration)]
    timeout: Option<Duration>,
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
        pip_url: None,
        executable: args.executable.clone(),
    };
    let source = match args.from.strip_prefix("pip:") {
        Some(requirement) => said(requirement, (args, &project), &mut asked, output).await?,
        None => connectors::read(&args.from, bytes(args)?)?,
    };
    let overwriting = if args.force { Overwriting::Forced } else { Overwriting::Refused };
    let imported = connectors::import(&project, &source, &asked, overwriting)?;
    output.result(|| view::connectors::imported(&imported), &imported);
    Ok(0)
}

async fn said(
    requirement: &str,
    (args, project): (&Args, &Project),
    asked: &mut Asked,
    output: &mut Output,
) -> Result<Source, Error> {
    let host = host();
    let question = meltano::Asked {
        requirement,
        executable: args.executable.as_deref(),
        root: project.root(),
        host: &host,
        timeout: args.timeout.unwrap_or(PATIENCE),
    };
    let (interrupted, mut interrupt) = watch::channel(false);
    let signals = tokio::spawn(pass_on(interrupted));
    let said = connectors::about(&question, asked, &mut interrupt, &mut |event| output.event(&event)).await;
    signals.abort();
    said
}

/// Reads one byte more than a definition may have, and no further: what is too large is told from its start.
fn bytes(args: &Args) -> Result<Vec<u8>, Error> {
    let io = |source| Error::Io { doing: "read", path: args.from.clone(), source };
    let most = MOST_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    if args.from == "-" {
        io::stdin().take(most).read_to_end(&mut bytes).map_err(io)?;
    } else {
        std::fs::File::open(&args.from).map_err(io)?.take(most).read_to_end(&mut bytes).map_err(io)?;
    }
    Ok(bytes)
}
