//! `spile schedules` and `spile run-due`

use jiff::tz::TimeZone;

use super::run::{Pace, due, show};
use super::selection_args::SelectionArgs;
use super::{Global, Output};
use spile_ops::{self as ops, Error};
use spile_view as view;
use spile_view::schedules::{ScheduledData, TickData};

/// Show the next and the last sync of each integration
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: SelectionArgs,
    /// Show the next N syncs of all integrations, in order
    #[arg(long, value_name = "N")]
    next: Option<usize>,
}

pub(super) async fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, environment) = global.open(output)?;
    let scheduled = ops::schedules(&world, &loaded, &environment, &args.which.chosen()).await?;
    let (zone, now) = (TimeZone::system(), (world.clock)());
    if let Some(most) = args.next {
        let coming = ops::schedules::coming(&scheduled, most);
        let data: Vec<TickData> = coming.iter().map(TickData::from).collect();
        output.result(|| view::schedules::coming(&coming, &zone, now), &serde_json::json!({ "next": data }));
        return Ok(0);
    }
    let data: Vec<ScheduledData> = scheduled.iter().map(ScheduledData::from).collect();
    output.result(|| view::schedules::schedules(&scheduled, &zone, now), &serde_json::json!({ "schedules": data }));
    Ok(0)
}

/// Sync everything that is due, then exit; run it from cron every few minutes
#[derive(Debug, clap::Args)]
pub struct RunDueArgs {
    #[command(flatten)]
    pace: Pace,
}

pub(super) async fn run_due(args: &RunDueArgs, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, environment) = global.open(output)?;
    let options = args.pace.options(&loaded.settings.sync, environment);
    let results = due(&world, &loaded, options, output).await?;
    if results.is_empty() && output.is_text() {
        match results.left.len() {
            0 => output.step("Nothing", "is due"),
            left => {
                let left = ops::counted(left, "integration");
                output.step("Skipped", &format!("{left} already running elsewhere"));
            }
        }
        return Ok(0);
    }
    Ok(show(&world, &loaded, &results.all(), output))
}
