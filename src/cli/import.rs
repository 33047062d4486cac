//! `spile import`

mod report;
mod words;

use jiff::Timestamp;

use super::{Global, Output, import_rows};
use spile_core::name::Slug;
use spile_ops::import::report::Report;
use spile_ops::import::{Options, carry_out, prepare};
use spile_ops::secrets::Access;
use spile_ops::{self as ops, Error};
use spile_view::{GOOD, STRONG, styled};
use spile_world::Project;

/// Adopt the Meltano project in this folder: plugins become files, the rest of meltano.yml becomes a template
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "four independent flags")]
pub struct Args {
    /// Write files for unmanaged rows of the registry instead, for `spile plan --adopt`
    #[arg(long, conflicts_with_all = ["name", "recipients"])]
    registry: bool,
    /// With `--registry`: only the unmanaged rows with these names
    #[arg(value_name = "SLUG", requires = "registry")]
    rows: Vec<Slug>,
    /// Report what becomes what, what stays in the template, what spile does not run and which secrets were found; write nothing
    #[arg(long, conflicts_with_all = ["yes", "registry"])]
    report: bool,
    /// Show everything that an import would do, without writing anything
    #[arg(long, conflicts_with_all = ["yes", "registry"])]
    dry_run: bool,
    /// Skip the confirmation prompt
    #[arg(short, long)]
    yes: bool,
    /// Name of the project [default: the folder's name]
    #[arg(long)]
    name: Option<String>,
    /// Encrypt secrets for this age recipient if there is no .sops.yaml
    #[arg(long = "age", value_name = "RECIPIENT")]
    recipients: Vec<String>,
}

/// Prepares the import, shows it, asks and writes it.
pub(super) async fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    if args.registry {
        return import_rows::exec(&args.rows, args.yes, global, output).await;
    }
    let keys = super::keys(output);
    let options = Options { name: args.name.clone(), recipients: args.recipients.clone() };
    let folder = global.folder()?;
    let prepared = prepare(&folder, &keys, &options)?;
    if args.report {
        let report = Report::of(&prepared);
        output.result(|| report::text(&report), &report);
        return Ok(0);
    }
    if !output.is_json() {
        output.text(&words::text(&prepared));
    }
    if args.dry_run {
        if output.is_json() {
            output.result(String::new, &words::data(&prepared, None));
        } else {
            output.note("nothing was written: run `spile import` to write it\n");
        }
        return Ok(0);
    }
    let written = if args.yes || output.confirm(&words::question(&prepared)) {
        let (project, program) = (Project::at(&folder), super::program());
        let access = Access { project: &project, keys: &keys, program: &program, now: Timestamp::now() };
        Some(carry_out(&prepared, access).await?)
    } else {
        None
    };
    if output.is_json() {
        output.result(String::new, &words::data(&prepared, written.as_ref()));
    }
    let Some(written) = written else {
        // The caller asked for data and got it; `written` shows that nothing was written.
        return if output.is_json() { Ok(0) } else { Err(Error::Declined) };
    };
    if let Some(key) = &written.key {
        let kept = format!("{} (keep a copy of it in a safe place)\n", key.display());
        output.note(&format!("{} your key: {kept}", styled(GOOD.bold(), "Created:")));
    }
    let count = ops::counted(prepared.adopted.len(), "integration");
    let next = styled(STRONG, "spile plan");
    output.note(&format!("{} {count}; next: {next}\n", styled(GOOD.bold(), "Imported:")));
    Ok(0)
}
