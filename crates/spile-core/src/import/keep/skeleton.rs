//! The skeleton of a template: its literal text, with every tag replaced by filler of the same length. So it is YAML with
//! the same positions as the template.

use std::ops::Range;

/// The kind of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagKind {
    /// `{{ value }}`.
    Value,
    /// `{% raw %}` and `{% endraw %}`.
    Raw,
    /// `{% if %}`, `{% for %}` and other tags that have an end.
    Begin,
    /// `{% endif %}` and so on.
    End,
    /// `{% else %}`, `{% import %}` or a comment.
    Other,
}

/// A tag of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// Its kind.
    pub kind: TagKind,
    /// Its bytes.
    pub span: Range<usize>,
}

/// The words that start a block with an end.
const BLOCKS: [&str; 8] = ["if", "for", "macro", "filter", "call", "block", "with", "autoescape"];

/// Returns the tags of a template, in order.
#[must_use]
pub fn tags(text: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let (mut at, mut is_raw) = (0, false);
    while let Some(open) = next(text, at) {
        let end = end(text, open);
        let inner = text[open + 2..end.saturating_sub(2).max(open + 2)].trim_matches(['-', '+', ' ', '\t', '\n', '\r']);
        let word = inner.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        let kind = match (&text[open..open + 2], word) {
            ("{%", "raw" | "endraw") => TagKind::Raw,
            ("{{", _) => TagKind::Value,
            ("{%", word) if BLOCKS.contains(&word) => TagKind::Begin,
            ("{%", word) if word.starts_with("end") => TagKind::End,
            // `{% set x %}` has an end, but `{% set x = y %}` does not.
            ("{%", "set") if !inner.contains('=') => TagKind::Begin,
            _ => TagKind::Other,
        };
        if is_raw && !(kind == TagKind::Raw && word == "endraw") {
            at = open + 2;
            continue;
        }
        is_raw = kind == TagKind::Raw && word == "raw";
        tags.push(Tag { kind, span: open..end });
        at = end;
    }
    tags
}

fn next(text: &str, at: usize) -> Option<usize> {
    ["{{", "{%", "{#"].iter().filter_map(|tag| text[at..].find(tag)).min().map(|found| at + found)
}

/// Returns the end of a tag. Quoted text does not end it.
fn end(text: &str, open: usize) -> usize {
    let (close, has_texts) = match &text[open..open + 2] {
        "{{" => ("}}", true),
        "{%" => ("%}", true),
        _ => ("#}", false),
    };
    let mut quote = None;
    for (at, c) in text[open + 2..].char_indices() {
        match quote {
            Some(begun) if begun == c => quote = None,
            None if has_texts && matches!(c, '"' | '\'') => quote = Some(c),
            None if text[open + 2 + at..].starts_with(close) => return open + 2 + at + close.len(),
            Some(_) | None => {}
        }
    }
    text.len()
}

/// Returns the skeleton. If an `if` has an `else`, only the first branch stays.
#[must_use]
pub fn skeleton(text: &str, tags: &[Tag]) -> String {
    let mut blank: Vec<(Range<usize>, Option<TagKind>)> =
        tags.iter().map(|tag| (tag.span.clone(), Some(tag.kind))).collect();
    blank.extend(others(text, tags).into_iter().map(|span| (span, None)));
    blank.sort_by_key(|(span, _)| span.start);
    let mut made = String::with_capacity(text.len());
    let mut at = 0;
    for (span, kind) in &blank {
        if span.start < at {
            continue;
        }
        made.push_str(&text[at..span.start]);
        let fill = if is_alone(text, span, &blank) { '#' } else { fill(text, span, *kind) };
        for c in text[span.clone()].chars() {
            match c {
                '\n' => made.push('\n'),
                c => (0..c.len_utf8()).for_each(|_| made.push(fill)),
            }
        }
        at = span.end;
    }
    made + &text[at..]
}

fn fill(text: &str, span: &Range<usize>, kind: Option<TagKind>) -> char {
    match kind {
        Some(TagKind::Value | TagKind::Raw) if !text[..span.start].ends_with(':') => 'x',
        _ => ' ',
    }
}

/// Tells whether the lines of a tag contain nothing but tags.
fn is_alone(text: &str, span: &Range<usize>, blank: &[(Range<usize>, Option<TagKind>)]) -> bool {
    let start = crate::yaml::edit::line_start(text, span.start);
    let end = crate::yaml::edit::line_end(text, span.end);
    let mut at = start;
    for (other, _) in blank.iter().filter(|(other, _)| other.start < end && other.end > start) {
        if at < other.start && !text[at..other.start].trim().is_empty() {
            return false;
        }
        at = at.max(other.end);
    }
    at >= end || text[at..end].trim().is_empty()
}

/// Returns the ranges between each `else` and its end.
fn others(text: &str, tags: &[Tag]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut begun: Vec<Option<usize>> = Vec::new();
    for tag in tags {
        let inner = text[tag.span.start + 2..].trim_start_matches(['-', '+', ' ', '\n']);
        match tag.kind {
            TagKind::Begin => begun.push(None),
            TagKind::End => {
                if let Some(Some(from)) = begun.pop() {
                    found.push(from..tag.span.start);
                }
            }
            TagKind::Other if inner.starts_with("else") || inner.starts_with("elif") => {
                if let Some(last) = begun.last_mut() {
                    last.get_or_insert(tag.span.end);
                }
            }
            TagKind::Other | TagKind::Value | TagKind::Raw => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::Document;

    fn blanked(text: &str) -> String {
        skeleton(text, &tags(text))
    }

    #[test]
    fn the_skeleton_of_the_built_in_template_is_yaml_with_the_same_positions() {
        let made = blanked(crate::render::TEMPLATE);
        assert_eq!(made.len(), crate::render::TEMPLATE.len());
        let document = Document::parse(&made).unwrap();
        for key in ["default_environment", "send_anonymous_usage_stats", "environments", "jobs", "schedules"] {
            let pair = document.root.pair(key).unwrap();
            assert_eq!(&crate::render::TEMPLATE[pair.key.span.clone()], key);
        }
    }

    #[test]
    fn tags_are_filled_depending_on_their_position() {
        for (text, expected) in [
            ("a: {{ x }}\n", "a: xxxxxxx\n"),
            ("a:{{ x }}\n", "a:       \n"),
            ("{{- x }}\na: 1\n", "########\na: 1\n"),
            ("{% if a %}{{ b }}\n", "#################\n"),
            ("a: '{% raw %}{{{% endraw %} é'\n", "a: 'xxxxxxxxx{{xxxxxxxxxxxx é'\n"),
            ("{% if a %}\na: 1\n{% else %}\na: é\n{% endif %}\n", "##########\na: 1\n##########\n#####\n###########\n"),
            ("a: {{ '}}' }}\n", "a: xxxxxxxxxx\n"),
        ] {
            assert_eq!(blanked(text), expected);
        }
    }
}
