//! The comparison of a source with its destination, as text for people and as data.

use anstyle::Style;
use serde_json::{Value, json};

use super::report::ErrorData;
use super::runs::grouped;
use super::table::{Cell, table};
use super::{BAD, CHANGED, GOOD, QUIET, harmless};
use spile_core::run::verify::{Compared, StreamVerdict};
use spile_ops::Error;
use spile_ops::verify::Verified;

/// Returns the streams as a table.
#[must_use]
pub fn streams(verified: &Verified) -> String {
    if verified.streams.is_empty() {
        return "no streams are read\n".to_owned();
    }
    let row = |(name, compared): &(String, Compared)| -> [Cell; 7] {
        let is_known = compared.unknown.is_none();
        let figure = |text: String| if is_known { text } else { "-".to_owned() };
        let sampled = compared.sample.as_ref().map_or("-".to_owned(), |sample| grouped(sample.rows));
        [
            harmless(name).into(),
            figure(rows_of_source(compared)).into(),
            harmless(compared.table.as_deref().unwrap_or("-")).into(),
            figure(grouped(compared.destination.count())).into(),
            sampled.into(),
            Cell::styled(compared.verdict().words(), style(compared)),
            harmless(&compared.notes().join("; ")).into(),
        ]
    };
    let rows: Vec<_> = verified.streams.iter().map(row).collect();
    table(["stream", "source", "table", "destination", "sampled", "verdict", ""], &rows)
}

/// Returns how many rows a source has, without those newer than the destination.
fn rows_of_source(compared: &Compared) -> String {
    let least = grouped(compared.source.least());
    if compared.source.changed() { format!("at least {least}") } else { least }
}

fn style(compared: &Compared) -> Style {
    match compared.verdict() {
        StreamVerdict::Equal => GOOD,
        StreamVerdict::NotComparable => QUIET,
        StreamVerdict::More if compared.is_sound() => CHANGED,
        StreamVerdict::Fewer | StreamVerdict::More | StreamVerdict::DifferentKeys | StreamVerdict::DifferentValues => {
            BAD
        }
    }
}

/// Returns the comparison as data, with the error if it found a difference.
#[must_use]
pub fn data(verified: &Verified, fault: Option<&Error>) -> Value {
    let streams: Vec<Value> = verified.streams.iter().map(|(name, compared)| stream(name, compared)).collect();
    json!({ "slug": verified.slug, "streams": streams, "error": fault.map(ErrorData::from) })
}

fn stream(name: &str, compared: &Compared) -> Value {
    let source = compared.unknown.is_none().then(|| {
        json!({
            "rows_at_least": compared.source.least(),
            "rows_at_most": compared.source.most(),
            "newer": compared.source.newer(),
        })
    });
    let destination = compared.unknown.is_none().then(|| json!(compared.destination));
    json!({
        "stream": name,
        "table": compared.table,
        "method": compared.method,
        "key": compared.key,
        "replication_key": compared.replication_key,
        "verdict": compared.verdict(),
        "adds_up": compared.is_sound(),
        "source": source,
        "destination": destination,
        "ranges": compared.spans,
        "lacking": compared.lacking,
        "sample": compared.sample,
        "notes": compared.notes(),
    })
}
