//! Finds out where a cursor is in a file that may be incomplete, from its line and the lines above instead of by
//! parsing.

/// The context of a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor<'a> {
    /// The table, for example `config`; empty for the top-level keys.
    pub table: &'a str,
    /// What the cursor is in.
    pub spot: Spot<'a>,
}

/// What a cursor is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spot<'a> {
    /// An incomplete key: the part before the cursor.
    Key(&'a str),
    /// The value of a key.
    Value {
        /// The key.
        key: &'a str,
        /// The text before the cursor, without an opening quote.
        before: &'a str,
        /// The quote that it is inside of.
        quote: Option<char>,
    },
    /// A comment, or the header of a table.
    Elsewhere,
}

impl<'a> Cursor<'a> {
    /// Returns the context of a byte in a text.
    #[must_use]
    pub fn at(text: &'a str, offset: usize) -> Self {
        let offset = offset.min(text.len());
        let start = text[..offset].rfind('\n').map_or(0, |newline| newline + 1);
        let above = &text[..start];
        let line = &text[start..offset];
        let table = above.lines().rev().find_map(header).unwrap_or_default();
        let spot = match open_list(above) {
            Some(key) if !line.trim_start().starts_with('#') => value(key, line),
            _ => spot(line),
        };
        Self { table, spot }
    }

    /// Returns the word around a byte in a text, and its range: a key, or a quoted value.
    #[must_use]
    pub fn word(text: &str, offset: usize) -> Option<(&str, std::ops::Range<usize>)> {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '@' | '/' | '*');
        let start = text[..offset]
            .rfind(|c| !is_part(c))
            .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
        let end = text[offset..].find(|c| !is_part(c)).map_or(text.len(), |at| offset + at);
        (start < end).then(|| (&text[start..end], start..end))
    }
}

fn header(line: &str) -> Option<&str> {
    let name = line.trim().strip_prefix('[')?.split(']').next()?;
    // A line of a list may start like this too, but names of tables do not start with quotes.
    (!name.starts_with(['"', '\'', '[']) && !name.contains(',')).then(|| name.trim())
}

/// Returns the key of a list that starts above and has not ended.
fn open_list(above: &str) -> Option<&str> {
    let begun = above.rfind('[')?;
    let line = above[..begun].rfind('\n').map_or(0, |newline| newline + 1);
    let key = above[line..begun].split_once('=')?.0.trim();
    (!above[begun..].contains(']')).then_some(key)
}

fn spot(line: &str) -> Spot<'_> {
    let trimmed = line.trim_start();
    if trimmed.starts_with('#') || trimmed.starts_with('[') {
        return Spot::Elsewhere;
    }
    match line.split_once('=') {
        None => Spot::Key(trimmed),
        Some((key, rest)) => value(key.trim(), rest),
    }
}

fn value<'a>(key: &'a str, text: &'a str) -> Spot<'a> {
    // In a list, only the text after the last opening quote counts.
    let mut quotes = text.match_indices(['"', '\'']);
    if quotes.clone().count() % 2 == 1
        && let Some((opened, quote)) = quotes.next_back()
    {
        return Spot::Value { key, before: &text[opened + 1..], quote: quote.chars().next() };
    }
    if text.contains('#') {
        return Spot::Elsewhere;
    }
    Spot::Value { key, before: text.trim_start_matches([' ', '[']), quote: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Finds the cursor at the mark `|`.
    fn at(text: &str) -> (String, String) {
        let offset = text.find('|').unwrap();
        let text = text.replacen('|', "", 1);
        let cursor = Cursor::at(&text, offset);
        (cursor.table.to_owned(), format!("{:?}", cursor.spot))
    }

    fn pair(table: &str, spot: &str) -> (String, String) {
        (table.to_owned(), spot.to_owned())
    }

    #[test]
    fn a_cursor_is_located_in_incomplete_text() {
        assert_eq!(at("ty|"), pair("", "Key(\"ty\")"));
        assert_eq!(at("type = \"pos|"), pair("", "Value { key: \"type\", before: \"pos\", quote: Some('\"') }"));
        assert_eq!(at("type = |"), pair("", "Value { key: \"type\", before: \"\", quote: None }"));
        assert_eq!(at("[config]\nho|"), pair("config", "Key(\"ho\")"));
        let select = "Value { key: \"select\", before: \"ord\", quote: Some('\"') }";
        assert_eq!(at("select = [\"a.*\", \"ord|"), pair("", select));
        assert_eq!(at("select = [\n  \"a.*\",\n  \"ord|"), pair("", select));
        assert_eq!(at("select = [\n  \"a.*\",\n]\n|"), pair("", "Key(\"\")"));
        assert_eq!(at("[config]\n# ho|"), pair("config", "Elsewhere"));
        assert_eq!(at("[conf|"), pair("", "Elsewhere"));
        assert_eq!(at("a = 1 # x|"), pair("", "Elsewhere"));
        assert_eq!(at("select = [\n  # \"ord|"), pair("", "Elsewhere"));
        assert_eq!(at("[config]\nnames = [\n[\"a\", \"b\"],\n]\nx|"), pair("config", "Key(\"x\")"));
        assert_eq!(at("[config]\nmatrix = [\n[1, 2],\n]\nx|"), pair("config", "Key(\"x\")"));
        let tags = "Value { key: \"tags\", before: \"a\", quote: Some('\"') }";
        assert_eq!(at("type = \"x\"\ntags = [\n\"a|"), pair("", tags));
    }

    #[test]
    fn the_word_under_a_cursor_is_found() {
        let text = "[config]\nstart_date = \"x\"\n";
        assert_eq!(Cursor::word(text, 12).unwrap().0, "start_date");
        assert_eq!(Cursor::word(text, text.find('x').unwrap()).unwrap().0, "x");
        assert_eq!(Cursor::word("a  =  1", 2), None);
        assert_eq!(Cursor::word("ä = ö", 0), Some(("ä", 0..2)));
    }
}
