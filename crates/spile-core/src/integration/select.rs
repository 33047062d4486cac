//! Patterns of Meltano's `select`: `[!]stream[.field]` with shell wildcards.

mod glob;
mod pattern;

pub use glob::Glob;
pub use pattern::{
    MetadataKey, Pattern, as_field_pattern, as_metadata_key, as_pattern, breadcrumb, field_breadcrumb, field_glob,
    stream_part,
};

/// Returns what is wrong with a pattern that Meltano would accept but never match.
///
/// The grammar is that of `SelectPattern.parse` in Meltano 4.4: the first dot without a backslash separates the stream
/// from the field.
#[must_use]
pub fn fault(pattern: &str) -> Option<&'static str> {
    let body = pattern.strip_prefix('!').unwrap_or(pattern);
    if body.is_empty() {
        return Some("it has no stream");
    }
    if body.starts_with('!') {
        return Some("a pattern can start with only one `!`");
    }
    if body.trim() != body {
        return Some("spaces around a name never match");
    }
    if body.starts_with('.') {
        return Some("there is no stream before the dot");
    }
    if body.ends_with('.') && !body.ends_with("\\.") {
        return Some("there is no field after the dot");
    }
    let unclosed = body.matches('[').count() != body.matches(']').count();
    unclosed.then_some("a bracket is not closed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_meltano_are_accepted() {
        for good in ["*.*", "Account", "Account.*", "!Contact.Phone", "a.b.c", "public-[ab]*.id", r"my\.stream.x"] {
            assert_eq!(fault(good), None, "{good}");
        }
    }

    #[test]
    fn patterns_that_never_match_are_rejected() {
        for bad in ["", "!", "!!a", " a.b", ".id", "a.", "a.[x"] {
            assert!(fault(bad).is_some(), "{bad}");
        }
    }
}
