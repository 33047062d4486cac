//! Rewrites a layout to which no lines can be added, without changing what the file means.

use std::borrow::Cow;

use crate::yaml::edit::{column, line_start};
use crate::yaml::{Document, YamlMistake};

/// Rewrites line ends of old Macs, the mark of the document's end, and a file that is indented as a whole.
///
/// # Errors
/// When the text cannot be parsed.
pub(super) fn plain(text: &str) -> Result<Cow<'_, str>, YamlMistake> {
    let text = with_line_feeds(text);
    let document = Document::parse(&text)?;
    let (indentation, text) = match unended(&document) {
        Some(text) => (indentation(&Document::parse(&text)?), Cow::Owned(text)),
        None => (indentation(&document), text),
    };
    Ok(if indentation == 0 { text } else { Cow::Owned(dedented(&text, indentation)) })
}

/// Replaces each carriage return that is a line end by itself.
fn with_line_feeds(text: &str) -> Cow<'_, str> {
    let mut after = text.bytes().skip(1).map(Some).chain([None]);
    if !text.bytes().any(|byte| after.next().is_some_and(|next| byte == b'\r' && next != Some(b'\n'))) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
}

/// Removes the mark of the document's end. Of what follows it, only comments stay, because empty lines could become a
/// part of the last text.
fn unended(document: &Document<'_>) -> Option<String> {
    let text = document.text;
    let (mut at, mut end) = (0, None);
    for line in text.split_inclusive('\n') {
        let rest = line.strip_prefix("...").filter(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace));
        if let Some(rest) = rest.filter(|_| at >= document.root.span.end) {
            end = Some((at, at + line.len() - rest.len()));
            break;
        }
        at += line.len();
    }
    let (start, end) = end?;
    let comments = text[end..].lines().map(str::trim).filter(|line| line.starts_with('#'));
    Some(comments.fold(text[..start].to_owned(), |text, comment| text + comment + "\n"))
}

/// Returns the column of the document's top table.
fn indentation(document: &Document<'_>) -> usize {
    let (text, start) = (document.text, document.root.span.start);
    let is_first = text[line_start(text, start)..start].trim_matches(' ').is_empty();
    if is_first && !document.root.is_empty() { column(text, start) } else { 0 }
}

/// Removes an indentation from each line, or as much of it as the line has: comments, empty lines, and what continues in
/// brackets or quotes may have less.
fn dedented(text: &str, indentation: usize) -> String {
    let dedented = |line: &'_ str| {
        let blanks = line.len() - line.trim_start_matches(' ').len();
        line[blanks.min(indentation)..].to_owned()
    };
    text.split_inclusive('\n').map(dedented).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::ValueReader;

    fn value(text: &str) -> serde_json::Value {
        let document = Document::parse(text).unwrap();
        ValueReader::of(&document).value(&document.root, &mut Vec::new())
    }

    #[test]
    fn a_plain_layout_means_the_same() {
        for (text, wanted) in [
            ("a: 1\n", "a: 1\n"),
            ("a: 1\r\nb: |\r\n  x\r\n", "a: 1\r\nb: |\r\n  x\r\n"),
            ("a: 1\rb: |\r  x\r", "a: 1\nb: |\n  x\n"),
            ("a: 1\n...\n", "a: 1\n"),
            ("---\na: |+\n  x\n\n... # end\n\n # last\n", "---\na: |+\n  x\n\n# end\n# last\n"),
            ("a: x\n  ...\n", "a: x\n  ...\n"),
            ("  a: |\n    x\n\n     y\n # b\n  c: [1,\n2]\n", "a: |\n  x\n\n   y\n# b\nc: [1,\n2]\n"),
            ("   {a: 1,\n b: 2}\n", "{a: 1,\nb: 2}\n"),
            ("# only\n", "# only\n"),
        ] {
            assert_eq!(plain(text).unwrap(), wanted, "{text}");
            assert_eq!(value(text), value(wanted), "{text}");
        }
    }
}
