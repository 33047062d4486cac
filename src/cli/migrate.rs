//! `spile migrate`

use std::path::PathBuf;

use serde_json::json;

use super::untrusted::UntrustedRefusal;
use super::{Global, Output, exit};
use spile_core::settings::Registry;
use spile_ops::{self as ops, Error};
use spile_view as view;

/// Print the SQL that sets up a Supabase registry; safe to run again and over an existing table
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write a Supabase CLI migration into `migrations/` of this folder instead
    #[arg(long, value_name = "DIR")]
    supabase_dir: Option<PathBuf>,
    /// Compare the version of the database with this program instead
    #[arg(long, conflicts_with = "supabase_dir")]
    check: bool,
    /// Check whether an existing table fits, without changing it. Without FILE, print the SQL to run in psql; with FILE (`-` for
    /// standard input), read psql's output, and exit with 1 if the table has to change
    #[arg(long, value_name = "FILE", num_args = 0..=1, conflicts_with_all = ["supabase_dir", "check"])]
    #[expect(clippy::option_option, reason = "the flag alone asks, and with a file it answers")]
    check_table: Option<Option<PathBuf>>,
}

impl Args {
    /// Returns why the command is refused for an untrusted project.
    pub(super) fn refusal(&self) -> Option<UntrustedRefusal> {
        let writes = self.supabase_dir.is_some().then_some(UntrustedRefusal::Writes);
        self.check.then_some(UntrustedRefusal::Asks).or(writes)
    }
}

pub(super) async fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    if args.check {
        let (_, world, environment) = global.open(output)?;
        let version = ops::migrate::check(&world).await?;
        let text = || format!("the registry of `{environment}` is up to date, at version {version}\n");
        output.result(text, &json!({ "version": version }));
        return Ok(0);
    }
    // The SQL depends on the project only in its schema and table, so no project is required.
    let registry = match global.project() {
        Ok(project) => {
            let loaded = ops::check::used(&project)?;
            let environment = loaded.environment(global.environment.as_deref())?;
            loaded.settings.registry_of(&environment).clone()
        }
        Err(_) => Registry::Local,
    };
    match &args.check_table {
        Some(None) => {
            output.text(&ops::migrate::fit::question(&registry));
            return Ok(0);
        }
        Some(Some(answer)) => {
            let fit = ops::migrate::fit::read(answer, &registry)?;
            output.result(|| view::table_check::text(&fit), &fit);
            return Ok(if fit.fits { 0 } else { exit::FAILED });
        }
        None => {}
    }
    let sql = ops::migrate::sql(&registry);
    let Some(folder) = &args.supabase_dir else {
        output.text(&sql);
        return Ok(0);
    };
    let written = ops::migrate::write(folder, &sql, jiff::Timestamp::now())?;
    let path = written.path.display().to_string();
    let next = if written.was_there { " already exists\n" } else { "\nnext: supabase db push\n" };
    let text = || format!("{path}{next}");
    output.result(text, &json!({ "path": path, "was_there": written.was_there }));
    Ok(0)
}
