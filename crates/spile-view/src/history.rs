//! Past applies as people read them.

use jiff::tz::TimeZone;

use super::QUIET;
use super::table::{Cell, table};
use spile_core::plan::history::{Applied, Pruned};

/// How many characters of an id or a commit to show: enough to identify it.
const SHORT: usize = 12;

/// Returns the applies as a table, in the reader's own time with its offset.
#[must_use]
pub fn applies(applies: &[Applied], zone: &TimeZone) -> String {
    if applies.is_empty() {
        return "no applies yet\n".to_owned();
    }
    let row = |apply: &Applied| -> [Cell; 6] {
        let rows = format!("+{} ~{} -{}", apply.created, apply.updated, apply.deleted);
        let file = if apply.file.is_some() { "written" } else { "" };
        [
            short(&apply.id.to_string()).into(),
            super::runs::local(apply.at, zone).into(),
            apply.actor.as_str().into(),
            apply.commit.as_deref().map(short).unwrap_or_default().into(),
            rows.into(),
            Cell::styled(file, QUIET),
        ]
    };
    let rows: Vec<_> = applies.iter().map(row).collect();
    table(["apply", "when", "by", "commit", "rows", "meltano.yml"], &rows)
}

/// Returns a note about applies that are no longer kept; empty if none were pruned.
#[must_use]
pub fn pruned(pruned: Option<Pruned>, zone: &TimeZone) -> String {
    let Some(Pruned { applies, until }) = pruned else { return String::new() };
    let older = if applies == 1 { "1 older apply".to_owned() } else { format!("{applies} older applies") };
    format!("\n{older}, up to {}, no longer kept\n", super::runs::local(until, zone))
}

/// Returns the start of an id.
#[must_use]
pub fn short(id: &str) -> String {
    id.chars().take(SHORT).collect()
}
