//! The lines of a file that a problem is about, as they are displayed.

use std::ops::Range;

use miette::{LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use spile_core::problem::{Problem, Report};
use spile_core::source::Source;
use spile_core::visible::{is_steering, plain};

/// How many lines to show around a label.
pub(super) const CONTEXT: usize = 1;

/// How many bytes of a line to show; an encrypted key makes lines of thousands.
const LONGEST: usize = 160;

/// How many bytes of a long line to show before its first label.
const BEFORE: usize = 60;

/// A file's text with its secrets masked, for excerpts.
#[derive(Debug)]
pub(super) struct Masked {
    source: Source,
    text: String,
}

impl Masked {
    /// Masks the text of a problem's file; reuses the masked text of the previous problem if it is in the same file.
    pub(super) fn of(report: &Report, problem: &Problem, last: Option<Self>) -> Self {
        last.filter(|last| last.source.is(&problem.source))
            .unwrap_or_else(|| Self { source: problem.source.clone(), text: report.excerpt_text(&problem.source) })
    }
}

/// The lines that contain the labels of a problem, the lines around them, and the labels themselves.
#[derive(Debug)]
pub(super) struct Excerpt {
    name: String,
    text: String,
    first_line: usize,
    /// For each label, its column in the file (from 0, in characters) and its span in this text.
    labels: Vec<(usize, LabeledSpan)>,
}

impl Excerpt {
    /// Cuts the lines out of the file; shortens long lines around the first label.
    pub(super) fn of(masked: &Masked, problem: &Problem) -> Self {
        let Masked { source, text } = masked;
        let mut labels: Vec<LabeledSpan> = problem.finding().labels().into_iter().flatten().collect();
        labels.sort_by_key(LabeledSpan::offset);
        let span = |label: &LabeledSpan| {
            let end = (label.offset() + label.len()).min(text.len());
            label.offset().min(end)..end
        };
        let lines = source.lines();
        let first = labels.first().map_or(0, |label| source.line(span(label).start)).saturating_sub(CONTEXT);
        let last = labels.iter().map(|label| source.line(span(label).end)).max().unwrap_or_default() + CONTEXT;
        let mut excerpt = Self {
            name: plain(&problem.path()).replace('\n', "\\n"),
            text: String::new(),
            first_line: first,
            labels: Vec::new(),
        };
        let mut pieces: Vec<(Range<usize>, usize)> = Vec::new();
        for line in first..=last.min(lines.len() - 1) {
            let whole = lines[line]..lines.get(line + 1).copied().unwrap_or(text.len());
            let label = labels.iter().map(span).find(|label| whole.contains(&label.start));
            excerpt.add(text, whole, label.map_or(0, |label| label.start), &mut pieces);
        }
        let moved = |at: usize| {
            let piece = pieces.iter().rfind(|(from, _)| from.start <= at);
            piece.map_or(0, |(from, to)| to + at.min(from.end) - from.start)
        };
        for label in &labels {
            let found = span(label);
            let (start, end) = (moved(found.start), moved(found.end));
            let words = label.label().map(|words| plain(&problem.struck(words)).into_owned());
            let (_, column) = source.place(found).line_and_column();
            let moved = if label.primary() { LabeledSpan::new_primary_with_span } else { LabeledSpan::new_with_span };
            excerpt.labels.push((column - 1, moved(words, (start, end.saturating_sub(start)))));
        }
        excerpt
    }

    /// Adds a line, or the part of a long one that contains `label`; records in `pieces` where each part went.
    fn add(&mut self, text: &str, whole: Range<usize>, label: usize, pieces: &mut Vec<(Range<usize>, usize)>) {
        let line = &text[whole.clone()];
        let content = line.trim_end_matches(['\n', '\r']).len();
        let shown = if content <= LONGEST {
            0..line.len()
        } else {
            let label = label.saturating_sub(whole.start);
            let from = if label < LONGEST - BEFORE { 0 } else { line.floor_char_boundary(label - BEFORE) };
            from..line.floor_char_boundary((from + LONGEST).min(content))
        };
        self.text += if shown.start > 0 { "…" } else { "" };
        self.add_shown(text, whole.start + shown.start..whole.start + shown.end, pieces);
        self.text += if shown.end < content { "…" } else { "" };
        self.text += if shown.end < line.len() { &line[content..] } else { "" };
    }

    /// Adds a part of a line; escapes control and bidirectional characters, so that labels line up with their text.
    fn add_shown(&mut self, text: &str, part: Range<usize>, pieces: &mut Vec<(Range<usize>, usize)>) {
        let mut from = part.start;
        for (at, c) in text[part.clone()].char_indices().filter(|(_, c)| is_steering(*c)) {
            let at = part.start + at;
            pieces.push((from..at, self.text.len()));
            self.text += &text[from..at];
            pieces.push((at..at, self.text.len()));
            from = at + c.len_utf8();
            // A Windows line ending stays as it is.
            if !(c == '\r' && text[from..].starts_with('\n')) {
                self.text += &plain(&text[at..from]);
            }
        }
        pieces.push((from..part.end, self.text.len()));
        self.text += &text[from..part.end];
    }

    /// Returns the labels with their spans in this excerpt.
    pub(super) fn labels(&self) -> impl Iterator<Item = LabeledSpan> + '_ {
        self.labels.iter().map(|(_, label)| label.clone())
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let read = self.text.read_span(span, before, after)?;
        let column = self.labels.iter().find(|(_, label)| label.offset() == span.offset()).map(|(column, _)| *column);
        // With context lines around it, the span starts at the start of a line.
        let column = if before == 0 { column.unwrap_or(read.column()) } else { read.column() };
        let line = self.first_line + read.line();
        let name = self.name.clone();
        let contents = MietteSpanContents::new_named(name, read.data(), *read.span(), line, column, read.line_count());
        Ok(Box::new(contents))
    }
}

#[cfg(test)]
mod tests {
    use miette::Diagnostic;

    use super::*;
    use spile_core::problem::Problems;

    #[derive(Debug, thiserror::Error, Diagnostic)]
    #[error("x")]
    struct Found(#[label("here")] SourceSpan);

    fn told(text: &str, spans: &[(usize, usize)]) -> String {
        let source = Source::new("a.toml", text);
        let mut problems = Problems::default();
        for span in spans {
            problems.push(&source, Found((*span).into()));
        }
        anstream::adapter::strip_str(&super::super::report::problems(&problems.into_report())).to_string()
    }

    #[test]
    fn a_long_line_is_shown_around_its_label_with_its_own_line_and_column() {
        let long = format!("{}é\" # {}", "y".repeat(900), "z".repeat(500));
        let text = format!("é = 1\na = \"{}\"\nb = \"{long}\n", "x".repeat(500));
        let at = text.find("é\" #").unwrap();
        let [start, end] =
            [format!("a = \"{}…", "x".repeat(155)), format!("…{}é\" # {}…", "y".repeat(60), "z".repeat(94))];
        let told = told(&text, &[(at, 2), (0, 2), (at + 200, 1)]);
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines[1..5], ["   ╭─[a.toml:1:1]", " 1 │ é = 1", "   · ┬", "   · ╰── here"]);
        assert_eq!(lines[5], format!(" 2 │ {start}"));
        assert_eq!(lines[9..12], ["   ╭─[a.toml:3:906]", &format!(" 2 │ {start}"), &format!(" 3 │ {end}")]);
        assert_eq!(lines[12], format!("   · {}┬", " ".repeat(61)));
        assert_eq!(lines[17], "   ╭─[a.toml:3:1105]");
    }

    #[test]
    fn terminal_controls_and_direction_marks_are_escaped() {
        let text = "\u{1b}]0;x\u{7} a\r\nb = \"\u{202e}x\" # שלום\r\nc\r = 1";
        let told = told(text, &[(text.find("x\"").unwrap(), 1), (text.find("= 1").unwrap(), 1)]);
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines[2], " 1 │ \\u{1b}]0;x\\u{7} a");
        assert_eq!(lines[3], " 2 │ b = \"\\u{202e}x\" # שלום");
        assert_eq!(lines[4], format!("   · {}┬", " ".repeat("b = \"\\u{202e}".len())), "{told}");
        assert!(told.contains("c\\u{d} = 1") && !told.contains(is_steering), "{told:?}");
    }

    #[test]
    fn a_file_with_a_hundred_thousand_problems_is_reported_in_time() {
        let text = "wrong = 1\n".repeat(100_000);
        let spans: Vec<_> = (0..100_000).map(|line| (line * 10, 5)).collect();
        let begun = std::time::Instant::now();
        let told = told(&text, &spans);
        assert_eq!((told.matches("here").count(), told.matches("[a.toml:100000:1]").count()), (100_000, 1));
        // Reading the whole file for each problem took a quarter of an hour.
        assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
    }
}
