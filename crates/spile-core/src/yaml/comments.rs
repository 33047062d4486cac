//! Comments: what is between the tokens of a document, from `#` to the end of the line.

use std::ops::Range;

use super::{Content, Node, Style};

/// Returns the comments in a part of a text, in order, with their positions. `node` must contain all tokens of that
/// part, because a `#` inside a text is not a comment.
#[must_use]
pub fn comments<'a>(text: &'a str, span: Range<usize>, node: &Node) -> Vec<(usize, &'a str)> {
    let mut tokens = Vec::new();
    node.visit(&mut |node| match &node.content {
        Content::Scalar { .. } | Content::Alias(_) => tokens.push(node.span.clone()),
        Content::Sequence(Style::Flow, _) | Content::Mapping(Style::Flow, _) => {
            tokens.push(node.span.end - 1..node.span.end);
        }
        Content::Sequence(Style::Block, _) | Content::Mapping(Style::Block, _) => {}
    });
    tokens.sort_by_key(|token| token.start);
    let mut found = Vec::new();
    let mut at = span.start;
    for token in tokens.iter().filter(|token| token.end > span.start && token.start < span.end) {
        found.extend(between(text, at..token.start.max(at)));
        at = at.max(token.end);
    }
    found.extend(between(text, at.min(span.end)..span.end));
    found
}

/// Finds comments in a gap between tokens.
fn between(text: &str, gap: Range<usize>) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut at = gap.start;
    for line in text[gap].split_inclusive('\n') {
        let begins = line.char_indices().find(|(index, c)| {
            *c == '#'
                && text[..at + index].chars().next_back().is_none_or(|before| before.is_whitespace() || before == ',')
        });
        if let Some((index, _)) = begins {
            found.push((at + index, line[index..].trim_end()));
        }
        at += line.len();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::Document;
    use super::*;

    #[test]
    fn comments_are_distinguished_from_texts_with_a_hash() {
        let text = "# one\na: x#y # two\nb: |\n  # text\n\nc: '# text' # three\nd: [1, # four\n 2]\n  # five\n";
        let document = Document::parse(text).unwrap();
        let found: Vec<_> = comments(text, 0..text.len(), &document.root).into_iter().map(|(_, text)| text).collect();
        assert_eq!(found, ["# one", "# two", "# three", "# four", "# five"]);
    }
}
