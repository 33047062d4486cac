//! `spile fmt`

use serde_json::json;

use super::untrusted::UntrustedRefusal;
use super::{Global, Output, exit};
use spile_ops::{self as ops, Error, fmt};
use spile_view::report::ProblemData;
use spile_view::{self as view, GOOD, styled};

/// Format files: documented key order, blank lines; comments and secrets are kept
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only list the files that are not formatted; exit with 1 if there are any
    #[arg(long)]
    check: bool,
}

impl Args {
    /// Tells whether the command writes nothing.
    pub(super) fn only_checks(&self) -> bool {
        self.check
    }

    /// Returns why the command is refused for an untrusted project.
    pub(super) fn refusal(&self) -> Option<UntrustedRefusal> {
        (!self.check).then_some(UntrustedRefusal::Writes)
    }
}

pub(super) fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let project = global.project()?;
    let (files, report) = fmt::unformed(&project);
    if !args.check {
        fmt::write(&project, &files)?;
    }
    let is_wrong = !report.problems().is_empty();
    if is_wrong && output.is_text() {
        output.note(&view::report::problems(&report));
    }
    let paths: Vec<String> = files.iter().map(|file| file.path.display().to_string()).collect();
    let problems: Vec<ProblemData> = report.problems().iter().map(ProblemData::from).collect();
    let text = || {
        let listed = paths.join("\n");
        let counted = ops::counted(paths.len(), "file");
        match (paths.is_empty(), args.check) {
            (true, _) if is_wrong => "every readable file is formatted, but some files cannot be read\n".to_owned(),
            (true, _) => format!("{} every file is formatted\n", styled(GOOD.bold(), "ok:")),
            (false, true) => format!("{listed}\n{counted} not formatted: run `spile fmt`\n"),
            (false, false) => format!("{listed}\n{counted} formatted\n"),
        }
    };
    output.result(text, &json!({ "paths": paths, "problems": problems }));
    Ok(if is_wrong || args.check && !paths.is_empty() { exit::FAILED } else { 0 })
}
