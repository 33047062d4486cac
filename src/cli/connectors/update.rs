//! `spile connectors update`

use jiff::Timestamp;

use super::{Global, Output};
use crate::cli::{exit, variable, variable_os};
use spile_ops::{Error, connectors};
use spile_view as view;
use spile_world::Authorities;
use spile_world::net::hub::{Address, Hub};

/// Which hub to ask.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// URL of the hub [default: `MELTANO_HUB_API_ROOT`, `MELTANO_HUB_URL` or <https://hub.meltano.com>]
    #[arg(long, value_name = "URL")]
    hub: Option<String>,
}

pub(super) async fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let project = global.project()?;
    let hub = Hub::new(&Address::of(args.hub.as_deref(), variable), &Authorities::of(variable_os))?;
    let now = Timestamp::now();
    let updated = connectors::update(&hub, &project, now, &mut |event| output.event(&event)).await?;
    output.result(|| view::connectors::hub::updated(&updated), &updated);
    Ok(if updated.failed.is_empty() { 0 } else { exit::FAILED })
}
