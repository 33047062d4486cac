//! Edits of a text: removals and insertions at positions in the original text.

use std::ops::Range;

/// Changes to one text.
#[derive(Debug, Default)]
pub struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    /// Inserts a text.
    pub fn insert(&mut self, at: usize, text: impl Into<String>) {
        self.0.push((at..at, text.into()));
    }

    /// Replaces bytes with a text.
    pub fn replace(&mut self, span: Range<usize>, text: impl Into<String>) {
        self.0.push((span, text.into()));
    }

    /// Removes bytes.
    pub fn remove(&mut self, span: Range<usize>) {
        self.replace(span, "");
    }

    /// Tells whether there are no changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the removed ranges, sorted and without overlaps.
    #[must_use]
    pub fn removed(&self) -> Vec<Range<usize>> {
        let mut spans: Vec<_> = self.0.iter().map(|(span, _)| span.clone()).filter(|span| !span.is_empty()).collect();
        spans.sort_by_key(|span| span.start);
        let mut removed: Vec<Range<usize>> = Vec::with_capacity(spans.len());
        for span in spans {
            match removed.last_mut().filter(|last| last.end >= span.start) {
                Some(last) => last.end = last.end.max(span.end),
                None => removed.push(span),
            }
        }
        removed
    }

    /// Returns the changed text. Unchanged parts are passed through `kept`. Insertions at the same position keep their
    /// order, and come before a replacement that starts there.
    #[must_use]
    pub fn apply(mut self, text: &str, kept: &dyn Fn(&str) -> String) -> String {
        self.0.sort_by_key(|(span, _)| (span.start, !span.is_empty()));
        let mut changed = String::with_capacity(text.len() * 2);
        let mut done = 0;
        for (span, put) in self.0 {
            if span.start > done {
                changed.push_str(&kept(&text[done..span.start]));
            }
            // A replacement inside a removed range inserts nothing.
            if span.start >= done {
                changed.push_str(&put);
            }
            done = done.max(span.end);
        }
        changed.push_str(&kept(&text[done..]));
        changed
    }
}

/// Returns the start of the line at a position.
#[must_use]
pub fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// Returns the end of the line at a position, before its line break.
#[must_use]
pub fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |newline| at + newline)
}

/// Returns how many characters precede a position in its line.
#[must_use]
pub fn column(text: &str, at: usize) -> usize {
    text[line_start(text, at)..at].chars().count()
}

/// Returns the column of the dash before a list item.
#[must_use]
pub fn dash(text: &str, item: usize) -> usize {
    let before = text[..item].trim_end();
    column(text, before.len().saturating_sub(1))
}

/// Shifts every line of a text except the first by some columns. Blank lines stay blank.
#[must_use]
pub fn shifted(text: &str, from: usize, to: usize) -> String {
    let mut lines = text.split_inclusive('\n');
    let mut moved = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        let bare = line.trim_start_matches(' ');
        let indent = line.len() - bare.len();
        if !bare.trim().is_empty() {
            moved.push_str(&" ".repeat((indent + to).saturating_sub(from)));
        }
        moved.push_str(bare);
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_refer_to_positions_in_the_old_text() {
        let mut edits = Edits::default();
        edits.insert(5, "X");
        edits.remove(2..4);
        edits.insert(5, "Y");
        assert_eq!(edits.removed().first(), Some(&(2..4)));
        assert_eq!(edits.apply("abcdef", &|kept| kept.to_uppercase()), "ABEXYF");
    }

    #[test]
    fn lines_are_shifted_together() {
        assert_eq!(shifted("- a: 1\n  b: |\n    x\n\n  c: 2\n", 0, 2), "- a: 1\n    b: |\n      x\n\n    c: 2\n");
        assert_eq!(shifted("- a\n    b\n", 4, 0), "- a\nb\n");
    }
}
