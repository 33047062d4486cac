//! Anchors of files that are merged into one text. Each file has its own, and two files may use the same names.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::yaml::{self, Content, Document, Edits, Node};

/// Renames the anchors of a text, and their aliases, that have the same name as an anchor of another text.
///
/// # Errors
/// When one of the texts cannot be parsed.
pub fn apart(text: &str, other: &str) -> Result<String, yaml::YamlMistake> {
    let (document, other) = (Document::parse(text)?, Document::parse(other)?);
    let own = names(&document);
    let theirs: BTreeSet<&str> = names(&other).into_iter().map(|name| &other.text[name]).collect();
    let all: BTreeSet<&str> = own.iter().map(|name| &text[name.clone()]).collect();
    let is_free = |name: &String| !theirs.contains(name.as_str()) && !all.contains(name.as_str());
    let mut edits = Edits::default();
    for place in own.into_iter().filter(|place| theirs.contains(&text[place.clone()])) {
        let name = &text[place.clone()];
        // Among one more number than there are names, one is free.
        let most = theirs.len() + all.len() + 2;
        let free = (2..=most).map(|number| format!("{name}-{number}")).find(is_free);
        edits.replace(place, free.unwrap_or_default());
    }
    Ok(edits.apply(text, &str::to_owned))
}

/// Returns the positions of the names of anchors and aliases.
fn names(document: &Document<'_>) -> Vec<Range<usize>> {
    let mut names = Vec::new();
    document.root.visit(&mut |node| names.extend(name(document.text, node)));
    names
}

fn name(text: &str, node: &Node) -> Option<Range<usize>> {
    let mut start = node.span.start;
    if node.anchor.is_none() && !matches!(node.content, Content::Alias(_)) {
        return None;
    }
    if text[start..].starts_with('!') {
        // An anchor may follow a tag.
        let after = text[start..].find(char::is_whitespace)?;
        start += after + text[start + after..].find('&')?;
    }
    let start = start + 1;
    let is_end = |letter: char| letter.is_whitespace() || matches!(letter, ',' | '[' | ']' | '{' | '}');
    let length = text[start..].find(is_end).unwrap_or(text.len() - start);
    Some(start..start + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_anchors_that_occur_in_both_texts_are_renamed() {
        let text = "a: &x 1\nb: !<tag:yaml.org,2002:str> &y 2\nc: [*x,*y, &x-2 3]\nd: '&x *x'\n*x : &z 4\n";
        let wanted = "a: &x-3 1\nb: !<tag:yaml.org,2002:str> &y-2 2\nc: [*x-3,*y-2, &x-2 3]\nd: '&x *x'\n*x-3 : &z 4\n";
        assert_eq!(apart(text, "e: &x 1\nf: &y 2\n").unwrap(), wanted);
        assert_eq!(apart(text, "e: 1\n").unwrap(), text);
    }
}
