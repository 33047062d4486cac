//! Files of lines, to which spile adds its own.

use std::path::Path;

use super::Project;
use crate::files::door::Shut;

/// Adds to a project's file of lines those that it does not have yet.
///
/// # Errors
/// When it is not a regular file inside the project, or cannot be written.
pub fn add_lines(project: &Project, path: &Path, lines: &[&str]) -> Result<(), Shut> {
    let text = lines_of(project, path)?;
    project.door()?.replace(path, with_lines(text, lines).as_bytes())
}

/// Makes sure that lines can be added to a project's file: it is a text inside the project, or not there.
///
/// # Errors
/// When it is anything else.
pub fn check_lines(project: &Project, path: &Path) -> Result<(), Shut> {
    lines_of(project, path).map(drop)
}

fn lines_of(project: &Project, path: &Path) -> Result<String, Shut> {
    match project.door()?.text(path) {
        Err(Shut::Missing) => Ok(String::new()),
        text => text,
    }
}

/// Returns a text of lines with those that it does not have yet.
#[must_use]
pub fn with_lines(mut text: String, lines: &[&str]) -> String {
    for line in lines {
        if text.lines().any(|known| known.trim() == *line) {
            continue;
        }
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}
