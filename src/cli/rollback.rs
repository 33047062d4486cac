//! `spile rollback`

use super::{Global, Output, apply};
use spile_ops::Error;
use spile_ops::rollback::{Rollback, rollback};
use spile_view::{STRONG, styled};

/// Roll the registry and meltano.yml back to an earlier apply, after showing the plan and asking
#[derive(Debug, clap::Args)]
pub struct Args {
    /// ID of the apply, or its first characters (from `spile history`)
    #[arg(value_name = "APPLY")]
    of: String,
    #[command(flatten)]
    consent: apply::Consent,
}

pub(super) async fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let (loaded, world, environment) = global.open(output)?;
    let Rollback { apply, plan, with_file } = rollback(&world, &loaded, &environment, &args.of).await?;
    if !with_file {
        output.note("meltano.yml stays as it is: it was too large to be stored with that apply\n");
    }
    let data = super::plan::data(&plan, &loaded);
    let proposal = apply::Proposal { plan: &plan, data: &data };
    apply::carry_out(&world, &loaded, proposal, &args.consent, output).await?;
    if !plan.is_empty() {
        let files = apply.commit.map_or_else(
            || "the files still have the later version: change them too, or the next apply restores it".to_owned(),
            |commit| format!("the files still have the later version; that apply was made from commit {commit}"),
        );
        output.note(&format!("{} {files}\n", styled(STRONG, "Next:")));
    }
    Ok(0)
}
