//! A parsed pattern of `select`.

use super::Glob;

/// The streams and fields that a pattern matches, and whether it selects or excludes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// The streams.
    pub stream: Glob,
    /// The fields as written; `None` if it matches streams as a whole.
    pub field: Option<String>,
    /// Whether it begins with `!`.
    pub is_negated: bool,
}

impl Pattern {
    /// Parses a pattern like `SelectPattern.parse` of Meltano 4.4.
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

    /// Returns the fields that it matches, if it names any.
    #[must_use]
    pub fn fields(&self) -> Option<Glob> {
        self.field.as_deref().map(field_glob)
    }

    /// Tells whether it excludes everything that another pattern selects. Meltano applies patterns with a `!` after all
    /// others, regardless of their order.
    #[must_use]
    pub fn cancels(&self, other: &Self) -> bool {
        let covers_fields = match (self.own_fields(), other.own_fields()) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(fields), Some(others)) => fields.covers(&others),
        };
        self.is_negated && !other.is_negated && self.stream.covers(&other.stream) && covers_fields
    }

    /// Returns the fields that it matches; `None` if it matches all fields of a stream, like `stream` and `stream.*`.
    fn own_fields(&self) -> Option<Glob> {
        self.fields().filter(|_| self.field.as_deref() != Some("*"))
    }
}

/// Returns the stream of a pattern without its `!`, as written: the part before the first dot without a backslash.
#[must_use]
pub fn stream_part(body: &str) -> &str {
    let dot = body.match_indices('.').map(|(at, _)| at).find(|at| !body[..*at].ends_with('\\'));
    dot.map_or(body, |at| &body[..at])
}

/// Returns a pattern that matches the name of one stream only.
#[must_use]
pub fn as_pattern(stream: &str) -> String {
    escaped(stream).replace('.', "\\.")
}

/// Returns the pattern of a field, given its path from the outermost parent.
///
/// Patterns cannot express a dot in a name, with or without a backslash, so `?` stands for it.
#[must_use]
pub fn as_field_pattern(path: &[String]) -> String {
    path.iter().map(|name| escaped(name).replace('.', "?")).collect::<Vec<_>>().join(".")
}

/// A key of `metadata`, parsed as in Meltano 4.4: the first dot ends the stream, even after a backslash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetadataKey<'a> {
    /// The pattern of the streams, as written.
    pub stream: &'a str,
    /// The pattern of their fields, as written; `None` if it is about the streams.
    pub field: Option<&'a str>,
}

impl<'a> MetadataKey<'a> {
    /// Parses a key.
    #[must_use]
    pub fn parse(key: &'a str) -> Self {
        let (stream, field) = key.split_once('.').map_or((key, None), |(stream, field)| (stream, Some(field)));
        Self { stream, field: field.filter(|field| !field.is_empty()) }
    }
}

/// Returns the key of `metadata` that matches a stream's name. The first dot ends the stream, even after a backslash,
/// so `?` stands for a dot in the name.
#[must_use]
pub fn as_metadata_key(stream: &str) -> String {
    escaped(stream).replace('.', "?")
}

/// Returns a name with its wildcards in brackets, so that it only matches itself.
fn escaped(name: &str) -> String {
    let letter = |c: char| if matches!(c, '*' | '?' | '[') { format!("[{c}]") } else { c.to_string() };
    name.chars().map(letter).collect()
}

/// Returns the wildcards that match a field's [`breadcrumb`], given the field as patterns write it. Its dots separate
/// the names of nested fields, with or without a backslash, as in Meltano.
#[must_use]
pub fn field_glob(field: &str) -> Glob {
    Glob::from(field_breadcrumb(field).as_str())
}

/// Returns the [`breadcrumb`] of a field, given the field as patterns write it.
#[must_use]
pub fn field_breadcrumb(field: &str) -> String {
    breadcrumb(field.split('.'))
}

/// Returns a field's breadcrumb in its schema, as the string that Meltano matches: `properties.a.properties.b`.
#[must_use]
pub fn breadcrumb<'a>(path: impl IntoIterator<Item = &'a str>) -> String {
    let parts: Vec<String> = path.into_iter().map(|name| format!("properties.{name}")).collect();
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_dot_of_a_metadata_key_ends_the_stream_even_after_a_backslash() {
        let parsed = |key: &'static str| (MetadataKey::parse(key).stream, MetadataKey::parse(key).field);
        assert_eq!(parsed("orders"), ("orders", None));
        assert_eq!(parsed("örders.who.name"), ("örders", Some("who.name")));
        assert_eq!(parsed(r"public\.orders.id"), (r"public\", Some("orders.id")));
        assert_eq!((parsed("orders."), parsed(""), parsed(".a")), (("orders", None), ("", None), ("", Some("a"))));
    }

    #[test]
    fn the_first_dot_without_a_backslash_separates_the_stream_from_the_field() {
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
    fn a_pattern_with_an_exclamation_mark_cancels_what_it_excludes_as_a_whole() {
        let cancels = |pattern: &str, other: &str| Pattern::parse(pattern).cancels(&Pattern::parse(other));
        for (pattern, other) in [
            ("!a", "a"),
            ("!a", "a.*"),
            ("!a.*", "a.b"),
            ("!*.b", "a.b"),
            ("!*.*", "a*"),
            ("!a.b*", "a.b.c"),
            (r"!a\.b.c", r"a\.b.c"),
        ] {
            assert!(cancels(pattern, other), "`{pattern}` and `{other}`");
        }
        for (pattern, other) in
            [("!a.b", "a.*"), ("!a.b", "a"), ("!a", "*"), ("!b.*", "a.*"), ("!a.b", "a.b.c"), ("a", "a"), ("!a", "!a")]
        {
            assert!(!cancels(pattern, other), "`{pattern}` and `{other}`");
        }
    }

    #[test]
    fn patterns_made_of_names_match_them() {
        for name in ["a", "main.orders", "a*b", "a?[b]", "a.b.c"] {
            assert!(Pattern::parse(&format!("!{}.x", as_pattern(name))).stream.matches(name), "{name}");
            let key = as_metadata_key(name);
            assert!(!key.contains('.') && Glob::from(key.as_str()).matches(name), "{name}");
            let path = ["in".to_owned(), name.to_owned()];
            let fields = Pattern::parse(&format!("s.{}", as_field_pattern(&path))).fields().unwrap();
            assert!(fields.matches(&breadcrumb(path.iter().map(String::as_str))), "{name}");
        }
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
