//! Plain tables: columns as wide as their widest cell, with two spaces between them.

use std::fmt::Write;

use anstyle::Style;

/// A cell: its text and its style.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// Returns a cell in a style.
    pub fn styled(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), style: Style::new() }
    }
}

/// Returns a table with a header row.
#[must_use]
pub fn table<const COLUMNS: usize>(head: [&str; COLUMNS], rows: &[[Cell; COLUMNS]]) -> String {
    let head = head.map(|name| Cell::styled(name.to_uppercase(), super::QUIET));
    lines(std::iter::once(head.as_slice()).chain(rows.iter().map(<[Cell; COLUMNS]>::as_slice)))
}

/// Returns a table of rows of the same length, the first of which is its header.
#[must_use]
pub fn lines<'a>(rows: impl Iterator<Item = &'a [Cell]> + Clone) -> String {
    let mut widths = Vec::new();
    for row in rows.clone() {
        widths.resize(row.len().max(widths.len()), 0);
        for (cell, width) in row.iter().zip(&mut widths) {
            *width = cell.text.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let Cell { text, style } = cell;
            let padding = " ".repeat(width - text.chars().count() + 2);
            // Writing to a string cannot fail.
            let _ = if text.is_empty() {
                write!(line, "{padding}")
            } else {
                write!(line, "{style}{text}{style:#}{padding}")
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
