//! `spile doctor`

use serde_json::json;

use super::{Global, Output, exit, host};
use spile_ops::doctor::{CheckResult, Finding};
use spile_ops::{self as ops, Error};
use spile_view::{BAD, CHANGED, GOOD, QUIET, styled};

/// Check everything that runs depend on, and say how to fix what is missing
#[derive(Debug, clap::Args)]
pub struct Args {}

pub(super) async fn exec(_: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let project = global.project()?;
    let outside = global.outside(&project, output)?;
    let findings = ops::doctor(&project, global.environment.as_deref(), &host(), &outside).await;
    output.result(|| findings.iter().map(line).collect(), &json!({ "findings": findings }));
    let bad = findings.iter().any(|finding| finding.verdict == CheckResult::Bad);
    Ok(if bad { exit::FAILED } else { 0 })
}

fn line(finding: &Finding) -> String {
    let (word, style) = match finding.verdict {
        CheckResult::Good => ("ok", GOOD),
        CheckResult::Advice => ("note", CHANGED),
        CheckResult::Bad => ("bad", BAD),
    };
    let help = finding.help.as_ref().map(|help| format!("\n{:20}{}", "", styled(QUIET, &format!("help: {help}"))));
    let head = styled(style, &format!("{word:>4}"));
    format!("{head}  {:12}  {}{}\n", finding.subject, finding.found, help.unwrap_or_default())
}
