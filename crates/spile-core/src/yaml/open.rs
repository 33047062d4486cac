//! Expands lists and tables that are written in brackets, so that lines can be inserted between their members.

use super::edit::{Edits, column};
use super::{Content, Document, Node, Style, YamlMistake, comments};

/// Rewrites the bracketed nodes that `wanted` selects with indentation, and leaves every other byte as it is. Empty
/// ones stay, because nothing needs to be inserted between their members.
///
/// # Errors
/// When the text cannot be parsed.
pub fn opened(text: &str, wanted: &dyn for<'a> Fn(&'a Node) -> Vec<&'a Node>) -> Result<String, YamlMistake> {
    let mut text = text.to_owned();
    // Each round expands the outermost nodes, because that moves the inner ones.
    loop {
        let document = Document::parse(&text)?;
        let mut edits = Edits::default();
        let mut done = 0;
        for node in wanted(&document.root) {
            if node.style() == Some(Style::Flow) && !node.is_empty() && node.span.start >= done {
                let blanks = text[..node.span.start].len() - text[..node.span.start].trim_end_matches(' ').len();
                let block = block(&text, node);
                let start = node.span.start - if block.starts_with('\n') { blanks } else { 0 };
                edits.replace(start..node.span.end, block);
                done = node.span.end;
            }
        }
        if edits.is_empty() {
            return Ok(text);
        }
        text = edits.apply(&text, &str::to_owned);
    }
}

fn block(text: &str, node: &Node) -> String {
    let line = &text[..node.span.start];
    let line = &line[line.rfind('\n').map_or(0, |newline| newline + 1)..];
    // As a list item or the top node, it starts in place. As a value, it starts on the next line.
    let is_item = line.trim_start_matches([' ', '-']).is_empty();
    let before = if is_item {
        column(text, node.span.start)
    } else {
        line.len() - line.trim_start_matches([' ', '-']).len() + 2
    };
    let indent = " ".repeat(before);
    let raw = |node: &Node| {
        let lines: Vec<&str> = text[node.span.clone()].lines().collect();
        lines.join(&format!("\n{indent}  ")).trim_end().to_owned()
    };
    let mut lines: Vec<String> =
        comments(text, node.span.clone(), node).into_iter().map(|(_, text)| text.to_owned()).collect();
    match &node.content {
        Content::Mapping(_, pairs) => {
            lines.extend(
                pairs.iter().map(|pair| format!("{}: {}", raw(&pair.key), raw(&pair.value)).trim_end().to_owned()),
            );
        }
        Content::Sequence(_, items) => lines.extend(items.iter().map(|item| format!("- {}", raw(item)))),
        Content::Scalar { .. } | Content::Alias(_) => {}
    }
    let bracket = text[node.span.clone()].find(['{', '[']).unwrap_or(0);
    let anchor = text[node.span.start..node.span.start + bracket].trim_end();
    let body = lines.join(&format!("\n{indent}"));
    if is_item && anchor.is_empty() { body } else { format!("{anchor}\n{indent}{body}") }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::ValueReader;
    use super::*;

    fn value(text: &str) -> Value {
        let document = Document::parse(text).unwrap();
        ValueReader::of(&document).value(&document.root, &mut Vec::new())
    }

    fn all(root: &Node) -> Vec<&Node> {
        let mut all = Vec::new();
        root.visit(&mut |node| all.push(node));
        all
    }

    #[test]
    fn opening_brackets_does_not_change_the_meaning() {
        for text in [
            "{a: 1, b: [x, {y: 2}], \"c\":3, d: {}}\n",
            "a: {b: 1} # kept\nc: &x {d: [1,\n  2, # two\n  3]}\ne: *x\n",
            "l:\n- {a: 1, b: {c: d}}\n- &y {z: 1}\n- [p, q]\n- - {r: s}\n",
            "a: {b: {c: {d: {e: f}}}}\n",
        ] {
            let open = opened(text, &all).unwrap();
            assert_eq!(value(&open), value(text), "{open}");
            assert!(!open.contains(['[']) && open.matches('{').count() <= 1, "{open}");
        }
        assert!(opened("a: {b: 1} # kept\n", &all).unwrap().contains("# kept"));
    }
}
