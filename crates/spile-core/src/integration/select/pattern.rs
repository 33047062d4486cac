//! One pattern of `select`, taken apart.

use super::Glob;

/// Which streams, and which of their fields, a pattern is about, and whether it takes them or leaves them out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// The streams.
    pub stream: Glob,
    /// The fields as written; `None` where it is about the stream as a whole.
    pub field: Option<String>,
    /// Whether a `!` stands before it.
    pub is_negated: bool,
}

impl Pattern {
    /// Takes a pattern apart, as `SelectPattern.parse` of Meltano 4.4 does.
    #[must_use]
    pub fn parse(pattern: &str) -> Self {
        let body = pattern.strip_prefix('!');
        let (is_negated, body) = (body.is_some(), body.unwrap_or(pattern));
        let stream = stream_part(body);
        let field = body[stream.len()..].strip_prefix('.');
        Self {
            stream: Glob::from(stream.replace("\\.", ".").as_str()),
            field: field.filter(|field| !field.is_empty()).map(str::to_owned),
            is_negated,
        }
    }

    /// Returns what it says of fields.
    #[must_use]
    pub fn fields(&self) -> Option<Glob> {
        self.field.as_deref().map(field_glob)
    }
}

/// Returns the stream of a pattern without its `!`, as written: what stands before the first dot without a backslash.
#[must_use]
pub fn stream_part(body: &str) -> &str {
    let dot = body.match_indices('.').map(|(at, _)| at).find(|at| !body[..*at].ends_with('\\'));
    dot.map_or(body, |at| &body[..at])
}

/// Returns a stream's name as patterns write it.
#[must_use]
pub fn as_pattern(stream: &str) -> String {
    stream.replace('.', "\\.")
}

/// Returns a name with its wildcards in brackets, so that it matches itself alone.
#[must_use]
pub fn escaped(name: &str) -> String {
    let letter = |c: char| if matches!(c, '*' | '?' | '[') { format!("[{c}]") } else { c.to_string() };
    name.chars().map(letter).collect()
}

/// Returns the wildcards that match a field's [`breadcrumb`], for a field as patterns write it. Its dots part the names of
/// nested fields; with or without a backslash, as in Meltano.
#[must_use]
pub fn field_glob(field: &str) -> Glob {
    Glob::from(breadcrumb(field.split('.')).as_str())
}

/// Returns a field's breadcrumb in its schema as the text that Meltano matches: `properties.a.properties.b`.
#[must_use]
pub fn breadcrumb<'a>(path: impl IntoIterator<Item = &'a str>) -> String {
    let parts: Vec<String> = path.into_iter().map(|name| format!("properties.{name}")).collect();
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_dot_without_a_backslash_parts_the_stream_from_the_field() {
        let parsed = |pattern: &str| {
            let Pattern { stream, field, is_negated } = Pattern::parse(pattern);
            (stream.literal(), field, is_negated)
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(parsed("a"), (some("a"), None, false));
        assert_eq!(parsed("!a.b.c"), (some("a"), some("b.c"), true));
        assert_eq!(parsed(r"a\.b.c"), (some("a.b"), some("c"), false));
        assert_eq!(parsed("*.id"), (None, some("id"), false));
    }

    #[test]
    fn a_field_is_matched_with_its_breadcrumb() {
        let matches = |pattern: &str, path: &[&str]| {
            Pattern::parse(pattern).fields().unwrap().matches(&breadcrumb(path.iter().copied()))
        };
        assert!(matches("s.*", &["a"]) && matches("s.*", &["a", "b"]));
        assert!(matches("s.a", &["a"]) && !matches("s.a", &["a", "b"]));
        assert!(matches("s.a.b", &["a", "b"]) && !matches("s.a.b", &["a.b"]));
        assert!(matches("s.a?b", &["a.b"]));
    }
}
