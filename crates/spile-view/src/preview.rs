//! The first records of a source, as text for people and as data.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::table::{Cell, lines};
use super::{CHANGED, QUIET, STRONG, plain, styled};
use spile_core::run::preview::{Column, Preview, PreviewStream};
use spile_ops::counted;
use spile_ops::preview::{Options, Previewed};

/// The most columns of a table as text. All others are in the file.
const COLUMNS: usize = 12;

/// The most characters of a value in a table.
const WIDTH: usize = 32;

/// Returns the records of each stream as a table, and the name of the file with all of them.
#[must_use]
pub fn text(previewed: &Previewed) -> String {
    let Previewed { file, preview, left_out, .. } = previewed;
    let mut text = String::new();
    for stream in &preview.streams {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", of_stream(stream, preview));
    }
    if let Some(left_out) = left_out {
        let _ = writeln!(text, "{} {}", styled(CHANGED, "note:"), plain(left_out));
    }
    if preview.streams.is_empty() && left_out.is_none() {
        text.push_str("the tap wrote nothing: check that `select` takes a stream\n");
    }
    if preview.is_cut {
        let note = styled(CHANGED, "note:");
        let why = "the tap cannot skip streams that have enough records, so it was stopped; later streams are missing";
        let _ = writeln!(text, "{note} {why}");
    }
    if let Some(file) = file {
        let hidden = preview.streams.iter().flat_map(|stream| &stream.columns).filter(|one| one.is_masked).count();
        let masked = if hidden == 0 { String::new() } else { format!(", {} masked", counted(hidden, "column")) };
        text.push_str(&styled(QUIET, &format!("saved in {}{masked}", file.display())));
        text.push('\n');
    }
    text
}

fn of_stream(stream: &PreviewStream, preview: &Preview) -> String {
    let name = styled(STRONG, &plain(&stream.name));
    if stream.records.is_empty() {
        let why = if preview.is_cut { "not reached" } else { "no records" };
        return format!("{name}  {}\n", styled(QUIET, why));
    }
    let shown = &stream.columns[..stream.columns.len().min(COLUMNS)];
    let head = shown.iter().map(|column| Cell::styled(plain(&column.name), QUIET)).collect();
    let mut rows: Vec<Vec<Cell>> = vec![head];
    rows.extend(stream.records.iter().map(|record| shown.iter().map(|column| cell(record, column)).collect()));
    let rest = stream.columns.len() - shown.len();
    let more =
        if rest == 0 { String::new() } else { styled(QUIET, &format!("and {}\n", counted(rest, "more column"))) };
    let count = styled(QUIET, &counted(stream.records.len(), "record"));
    format!("{name}  {count}\n{}{more}", lines(rows.iter().map(Vec::as_slice)))
}

fn cell(record: &Map<String, Value>, column: &Column) -> Cell {
    let text = match record.get(&column.name) {
        None | Some(Value::Null) => return "".into(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    let text = plain(&text.replace(['\r', '\n', '\t'], " ")).into_owned();
    if text.chars().count() <= WIDTH {
        return text.into();
    }
    Cell::from(text.chars().take(WIDTH - 1).chain(['\u{2026}']).collect::<String>())
}

/// Returns the records as data.
#[must_use]
pub fn data(previewed: &Previewed, options: &Options) -> Value {
    let column = |column: &Column| json!({ "column": column.name, "masked": column.is_masked });
    let stream = |stream: &PreviewStream| {
        json!({
            "stream": stream.name,
            "table": stream.table,
            "columns": stream.columns.iter().map(column).collect::<Vec<_>>(),
            "records": stream.records,
        })
    };
    json!({
        "slug": previewed.integration.slug,
        "environment": options.probe.environment,
        "limit": options.records,
        "file": previewed.file,
        "complete": !previewed.preview.is_cut,
        "left_out": previewed.left_out,
        "streams": previewed.preview.streams.iter().map(stream).collect::<Vec<_>>(),
    })
}
