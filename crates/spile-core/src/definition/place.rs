//! Finds the positions of names in a definition, because values lose theirs when they are converted to Meltano's keys.

use miette::SourceSpan;

use crate::source::Source;

/// Returns the position of a name as a whole value; the start of the text if it is not found.
pub(super) fn span_of(source: &Source, name: &str) -> SourceSpan {
    let (text, length) = (source.text(), name.len());
    places(text, name).next().map_or_else(|| (0..0).into(), |at| (at..at + length).into())
}

/// Returns the position of the second occurrence of a name.
pub(super) fn second_span_of(source: &Source, name: &str) -> SourceSpan {
    let (text, length) = (source.text(), name.len());
    places(text, name).nth(1).map_or_else(|| span_of(source, name), |at| (at..at + length).into())
}

fn places<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = usize> {
    let ends = |letter: Option<char>| letter.is_none_or(|c| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '}'));
    let is_whole = move |at: &usize| {
        let before = text[..*at].trim_end_matches([' ', '"', '\'']);
        before.ends_with(':') && ends(text[at + name.len()..].chars().next())
    };
    text.match_indices(name).map(|(at, _)| at).filter(is_whole).filter(|_| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_where_it_is_a_whole_value() {
        let text = "label: the id of it\nname: identity\nid: 1\nname: id\n- {name: 'id', kind: key}\n";
        let source = Source::new("x", text);
        let at = |span: SourceSpan| (span.offset(), &text[span.offset()..span.offset() + span.len()]);
        assert_eq!(at(span_of(&source, "id")), (47, "id"));
        assert_eq!(at(second_span_of(&source, "id")), (60, "id"));
        assert_eq!(at(second_span_of(&source, "key")), at(span_of(&source, "key")));
        assert_eq!(at(span_of(&source, "key")), (71, "key"));
        for absent in ["ident", "it", "other", ""] {
            assert_eq!(at(span_of(&source, absent)), (0, ""), "{absent}");
        }
    }
}
