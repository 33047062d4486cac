//! `spile history` and `spile rollback`

use jiff::tz::TimeZone;
use serde_json::json;

use super::{Global, Output, apply};
use crate::ops::rollback::{Rollback, rollback};
use crate::ops::{self, Error};
use crate::view::{self, STRONG, styled};

/// Show what was applied to this environment, when and by whom
#[derive(Debug, clap::Args)]
pub struct HistoryArgs {
    /// How many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    most: usize,
}

pub(super) async fn history(args: &HistoryArgs, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (_, world, _) = global.open(output)?;
    let applies = ops::applies(&world, args.most).await?;
    output.result(|| view::history::applies(&applies, &TimeZone::system()), &json!({ "applies": applies }));
    Ok(0)
}

/// Bring the registry and meltano.yml back to what an earlier apply left, after showing the plan and asking
#[derive(Debug, clap::Args)]
pub struct RollbackArgs {
    /// The apply, by its id or the start of it, as `spile history` shows it
    #[arg(value_name = "APPLY")]
    of: String,
    #[command(flatten)]
    consent: apply::Consent,
}

pub(super) async fn exec(args: &RollbackArgs, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, environment) = global.open(output)?;
    let Rollback { apply, plan, with_file } = rollback(&world, &loaded, (&environment, &args.of)).await?;
    if !with_file {
        output.note("meltano.yml stays: it was too large to be kept with that apply\n");
    }
    apply::carry_out((&world, &loaded), (&plan, &super::plan::data(&plan, &loaded)), &args.consent, output).await?;
    if !plan.is_empty() {
        let files = apply.commit.map_or_else(
            || "the files still ask for what was before: change them too, or the next apply brings it back".to_owned(),
            |commit| format!("the files still ask for what was before; that apply was made from commit {commit}"),
        );
        output.note(&format!("{} {files}\n", styled(STRONG, "Next:")));
    }
    Ok(0)
}
