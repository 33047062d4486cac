//! Texts of the user's files and positions in them, so that every value knows where it was written.

use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// A file's path, relative to the project, and its text. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Source(Arc<File>);

#[derive(Debug)]
struct File {
    path: PathBuf,
    text: String,
    /// The start of each line. Computed on first use, once for all mistakes of the file.
    lines: OnceLock<Vec<usize>>,
}

impl Source {
    /// Combines a path, relative to the project, with the text of the file.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self(Arc::new(File { path: path.into(), text: text.into(), lines: OnceLock::new() }))
    }

    /// Returns the path, relative to the project.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Returns the whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Tells whether both are the same reading of a file.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns the bytes at which the lines start. The first one starts at 0.
    #[must_use]
    pub fn lines(&self) -> &[usize] {
        self.0.lines.get_or_init(|| {
            let newlines = self.text().bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect()
        })
    }

    /// Returns the line of a byte, from 0. A byte after the end counts as part of the last line.
    #[must_use]
    pub fn line(&self, at: usize) -> usize {
        self.lines().partition_point(|start| *start <= at) - 1
    }

    /// Returns the place of a span, in bytes.
    #[must_use]
    pub fn place(&self, span: Range<usize>) -> Place {
        Place { source: self.clone(), span }
    }

    /// Returns the start of the text, for what the file as a whole lacks.
    #[must_use]
    pub fn start(&self) -> Place {
        self.place(0..0)
    }
}

/// A span of bytes in a source.
#[derive(Debug, Clone)]
pub struct Place {
    /// The file.
    pub source: Source,
    /// The range of bytes.
    pub span: Range<usize>,
}

impl Place {
    /// Returns the line and the column, both from 1. The column counts characters.
    #[must_use]
    pub fn line_and_column(&self) -> (usize, usize) {
        let text = self.source.text();
        let at = if text.is_char_boundary(self.span.start) { self.span.start } else { text.len() };
        let line = self.source.line(at);
        (line + 1, text[self.source.lines()[line]..at].chars().count() + 1)
    }

    /// Returns `path:line` as editors and CI logs understand it.
    #[must_use]
    pub fn to_reference(&self) -> String {
        // A line break in a file name would let its author start a new line of output.
        let path = self.source.path().display().to_string().replace('\n', "\\n");
        format!("{path}:{}", self.line_and_column().0)
    }
}

/// A value, and where it was written.
#[derive(Debug, Clone)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub place: Place,
}

impl<T> Placed<T> {
    /// Replaces the value, keeping the place.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Placed<U> {
        Placed { value: change(self.value), place: self.place }
    }
}

impl<T> Deref for Placed<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_and_in_characters() {
        let source = Source::new("a.toml", "é = 1\nname = 2\n");
        assert_eq!(source.start().line_and_column(), (1, 1));
        assert_eq!(source.place(3..4).line_and_column(), (1, 3));
        assert_eq!(source.place(7..11).line_and_column(), (2, 1));
        assert_eq!(source.place(999..1000).line_and_column(), (3, 1));
    }
}
