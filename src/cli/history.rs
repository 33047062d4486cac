//! `spile status`, `spile runs` and `spile logs`

use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

use jiff::tz::TimeZone;
use serde_json::json;

use super::{Global, Output};
use crate::ops::{self, Error};
use crate::view;

/// Show how every integration stands: its status in the registry and its last run
#[derive(Debug, clap::Args)]
pub struct StatusArgs {}

pub(super) async fn status(_: &StatusArgs, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, environment) = global.open(output)?;
    let statuses = ops::status(&world, &loaded, &environment).await?;
    let data = statuses.iter().map(|status| {
        let standing = status.standing.as_ref();
        json!({
            "slug": status.integration.slug,
            "id": status.integration.id,
            "type": status.integration.connector.name,
            "kind": status.integration.role(),
            "enabled": status.integration.base.enabled,
            "drifted": status.has_drifted,
            "status": standing.map(|standing| &standing.status),
            "created_at": standing.map(|standing| standing.created_at),
            "updated_at": standing.map(|standing| standing.updated_at),
            "last_run": status.last_run,
        })
    });
    let data = json!({ "integrations": data.collect::<Vec<_>>() });
    output.result(|| view::runs::status(&statuses, &TimeZone::system()), &data);
    Ok(0)
}

/// Show the newest runs of one integration, or of all
#[derive(Debug, clap::Args)]
pub struct RunsArgs {
    /// The integration, by name
    #[arg(value_name = "SLUG")]
    name: Option<String>,
    /// How many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    most: usize,
}

pub(super) async fn runs(args: &RunsArgs, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, _) = global.open(output)?;
    let runs = ops::runs(&world, &loaded, args.name.as_deref(), args.most).await?;
    output.result(|| view::runs::runs(&runs, &TimeZone::system()), &json!({ "runs": runs }));
    Ok(0)
}

/// Show the whole log of a run: the newest of an integration, or one by its id
#[derive(Debug, clap::Args)]
pub struct LogsArgs {
    /// The integration's name, or the run's id
    #[arg(value_name = "SLUG|RUN")]
    of: String,
    /// Go on while the run lasts
    #[arg(short, long)]
    follow: bool,
}

pub(super) async fn logs(args: &LogsArgs, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, _) = global.open(output)?;
    let run = ops::history::run(&world, &loaded, &args.of).await?;
    let path = world.project.root().join(&run.log);
    let io = |source| Error::Io { doing: "read", path: run.log.display().to_string(), source };
    let mut file = std::fs::File::open(path).map_err(io)?;
    let mut shown = 0;
    loop {
        // Asked before reading: what a run wrote before it ended is then read too.
        let lasts = args.follow && ops::history::lasts(&world, &run).await?;
        file.seek(SeekFrom::Start(shown)).map_err(io)?;
        let mut bytes = Vec::new();
        shown += file.read_to_end(&mut bytes).map_err(io)? as u64;
        output.bytes(&bytes);
        if !lasts {
            return Ok(0);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
