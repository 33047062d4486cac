//! `spile check`

use serde_json::json;

use super::{Global, Output};
use crate::ops::{self, Error};
use crate::view::report::ProblemData;
use crate::view::{self, GOOD, styled};

/// Read and check every file of the project; touch nothing, need no network and no key
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Checks, and says that all is well.
pub(super) fn exec(_: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let loaded = ops::check(&global.project()?)?;
    let count = loaded.integrations.iter().count();
    let advice: Vec<ProblemData> = loaded.advice.problems().iter().map(ProblemData::from).collect();
    let data = json!({ "integrations": count, "problems": advice });
    let text = || {
        let counted = ops::counted(count, "integration");
        format!("{}{} {counted}, no problems\n", view::report::problems(&loaded.advice), styled(GOOD.bold(), "ok:"))
    };
    output.result(text, &data);
    Ok(0)
}
