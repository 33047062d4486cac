//! Values in one line, as plans and drift show them.

use super::plain;

/// How long a value may be before its middle is left out, in characters.
const LONG: usize = 100;

/// Returns a value in one line, its middle left out where it is long.
#[must_use]
pub fn in_line(value: &serde_json::Value) -> String {
    let written = plain(&value.to_string()).into_owned();
    let length = written.chars().count();
    if length <= LONG {
        return written;
    }
    let start: String = written.chars().take(LONG / 2).collect();
    let end: String = written.chars().skip(length - LONG / 4).collect();
    format!("{start} … {end}")
}
