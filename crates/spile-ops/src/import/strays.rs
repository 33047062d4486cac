//! Copies of secrets in files that an import does not write. They are reported so that the user removes them.

use std::path::Path;

use walkdir::{DirEntry, WalkDir};

use spile_core::import::Note;
use spile_core::phrase;
use spile_core::phrase::code;
use spile_core::secrecy::{Copies, is_name, said};
use spile_world::files::door::Door;

/// Limits on the search: the number of files, the depth, and the size of a file in bytes. They are meant for texts of the
/// project itself.
const MOST_FILES: usize = 5_000;
const DEEPEST: usize = 8;
const MOST_BYTES: u64 = 1 << 20;

/// Folders that are not searched: they belong to git, Meltano, spile or package managers.
const PASSED_OVER: [&str; 9] =
    [".git", ".meltano", ".spile", ".venv", "venv", "node_modules", "__pycache__", "target", ".tox"];

/// Returns a note for each line in a project's other files that contains a secret.
pub(super) fn notes(folder: &Path, copies: &Copies) -> Vec<Note> {
    if copies.is_empty() {
        return Vec::new();
    }
    let Ok(door) = Door::to_project(folder) else { return Vec::new() };
    let walk = WalkDir::new(folder).max_depth(DEEPEST).sort_by_file_name().into_iter();
    let files = walk.filter_entry(is_own).flatten().filter(|item| item.file_type().is_file());
    let mut notes = Vec::new();
    for item in files.take(MOST_FILES) {
        let path = item.path().strip_prefix(folder).unwrap_or(item.path());
        // The import rewrites this file.
        if path == Path::new(spile_core::render::FILE_NAME) {
            continue;
        }
        // Large files and files that are not text do not contain copies that someone wrote.
        let Some(text) = door.read_up_to(path, MOST_BYTES).ok().and_then(|bytes| String::from_utf8(bytes).ok()) else {
            continue;
        };
        let lines = text.lines().enumerate().filter(|(_, line)| holds(line, copies));
        notes.extend(lines.map(|(index, _)| note(path, index + 1)));
    }
    notes
}

fn is_own(item: &DirEntry) -> bool {
    !(item.file_type().is_dir() && PASSED_OVER.iter().any(|name| item.file_name() == *name))
}

/// Tells whether a line contains a copy. A simple secret counts only if the line's name says that it is a secret.
fn holds(line: &str, copies: &Copies) -> bool {
    let is_said = |(name, value): (String, std::ops::Range<usize>)| {
        is_name(&name) && copies.is_exactly(line[value].trim().trim_matches(['"', '\'']))
    };
    copies.is_in(line) || said(line).is_some_and(is_said)
}

fn note(path: &Path, line: usize) -> Note {
    Note {
        line: None,
        message: phrase![code(format!("{}:{line}", path.display())), " has a plain-text copy of an encrypted secret"],
        help: Some("remove it from that file, and rotate the secret if the file was ever shared".to_owned()),
    }
}
