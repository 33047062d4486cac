//! Checks an existing table, based on the output of the SQL from `spile migrate --check-table`.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;
use spile_core::settings::{Home, Registry};
use spile_world::files::door::text_named;
use spile_world::stores::supabase::{VERSION, table_check};

/// The path of standard input.
const STDIN: &str = "/dev/stdin";

/// What the migration would find.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fit {
    /// The table, with its schema.
    pub table: String,
    /// Whether the migration can run without changes to the table.
    pub fits: bool,
    /// What fits, what the migration adds or changes, and what the user must change, in the order of the table.
    pub findings: Vec<Finding>,
}

/// One thing that the migration would find.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What happens to it.
    pub state: TableFinding,
    /// The description, as a sentence.
    pub what: String,
    /// SQL that makes it fit without breaking apps that write to it; `None` if there is none.
    pub fix: Option<String>,
}

/// What happens to something that the migration finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TableFinding {
    /// It stays as it is.
    Fits,
    /// The migration adds it.
    Added,
    /// The migration adopts or changes it.
    Changed,
    /// The migration refuses it.
    Conflict,
}

/// The output of the SQL.
#[derive(Deserialize)]
struct CheckTableAnswer {
    version: i64,
    table: String,
    findings: Vec<Finding>,
}

/// Returns the SQL of the check. It changes nothing.
#[must_use]
pub fn question(registry: &Registry) -> String {
    table_check(&super::home(registry))
}

/// Parses what psql printed for [`question`], from a file that the user named. `-` is standard input.
///
/// # Errors
/// When the file cannot be read, or contains something else, for example the output of another version or about another
/// table.
pub fn read(path: &Path, registry: &Registry) -> Result<Fit, Error> {
    let opened = if path == Path::new("-") { Path::new(STDIN) } else { path };
    let text = text_named(opened).map_err(|why| Error::of_named(path, why))?;
    parsed(&text, &super::home(registry)).map_err(|why| Error::NoTableCheck { path: path.display().to_string(), why })
}

fn parsed(text: &str, home: &Home) -> Result<Fit, String> {
    if text.trim().is_empty() {
        return Err("it is empty; see psql's standard error for the reason".to_owned());
    }
    let value = serde_json::from_str::<Value>(text).map_err(|_| "it is not JSON".to_owned())?;
    let answer = CheckTableAnswer::deserialize(value).map_err(|_| "its JSON is from another program".to_owned())?;
    let table = format!("{}.{}", home.schema, home.table);
    if answer.version != VERSION {
        return Err(format!("it is from version {}, but this program is version {VERSION}", answer.version));
    }
    if answer.table != table {
        return Err(format!("it is for `{}`, but the registry's table is `{table}`", answer.table));
    }
    let fits = answer.findings.iter().all(|finding| finding.state != TableFinding::Conflict);
    Ok(Fit { table, fits, findings: answer.findings })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_answer_is_refused_with_its_reason() {
        let answer = |version: i64, table: &str| {
            format!(
                r#"{{"version": {version}, "table": "{table}", "findings": [{{"state": "conflict", "what": "w", "fix": null}}]}}"#
            )
        };
        let read = |text: &str| parsed(text, &Home::default());
        assert!(!read(&answer(VERSION, "public.integrations")).unwrap().fits);
        for (text, why) in [
            ("\n", "it is empty"),
            ("ERROR: no", "not JSON"),
            ("{}", "from another program"),
            (&answer(1, "public.integrations"), "from version 1"),
            (&answer(VERSION, "public.others"), "for `public.others`"),
        ] {
            let told = read(text).unwrap_err();
            assert!(told.contains(why), "{text}: {told}");
        }
    }
}
