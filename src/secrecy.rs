//! What is a secret, where nobody has said so: told by names and by values, so that none stays in plain text unseen.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::yaml::{Content, Document, Node, comments};

/// What is told in place of a word that may be a secret.
pub const NOT_SHOWN: &str = "(not shown)";

/// Words that make a setting a secret, as parts of its name.
const WORDS: [&str; 20] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "private_key",
    "privatekey",
    "access_key",
    "accesskey",
    "auth_key",
    "authkey",
    "credential",
    "authorization",
    "hash_seed",
    "signing_key",
    "encryption_key",
    "bearer",
];

/// How names end that speak of a secret and hold none.
const HARMLESS: [&str; 27] = [
    "_path",
    "_paths",
    "_url",
    "_uri",
    "_endpoint",
    "_field",
    "_fields",
    "_name",
    "_names",
    "_type",
    "_file",
    "_dir",
    "_id",
    "_ids",
    "_param",
    "_params",
    "_header",
    "_method",
    "_prefix",
    "_suffix",
    "_format",
    "_expiry",
    "_expiration",
    "_secs",
    "_seconds",
    "_enabled",
    "_limit",
];

/// Tells whether a setting of that name is a secret.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let name = last.to_ascii_lowercase().replace(['-', ' '], "_");
    let is_harmless =
        HARMLESS.iter().any(|end| name.ends_with(end)) || name.starts_with("next_") || name.starts_with("use_");
    let is_word = |word: &str| {
        name.match_indices(word).any(|(at, _)| {
            let rest = &name[at + word.len()..];
            let before = &name[..at];
            // `tokenizer` and `max_tokens` count words, and `keywords` are none.
            let ends = rest.is_empty() || rest.starts_with('_') || (rest == "s" && word != "token");
            let begins = before.is_empty() || before.ends_with('_') || word.len() > 5;
            ends && begins
        })
    };
    !is_harmless && WORDS.iter().any(|word| is_word(word))
}

#[expect(clippy::unwrap_used, reason = "the patterns are constants, and a test compiles them")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

static EXPANSION: LazyLock<Regex> = LazyLock::new(|| pattern(r"\$(?:\{\w+\}|[A-Z][A-Z0-9_]*)"));
static VALUE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?x) ^[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@
        | -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----
        | ^(?:ghp|gho|ghs|ghu|github_pat)_\w{20,} | ^glpat-[\w-]{20,} | ^xox[abposr]-[\w-]{10,}
        | ^(?:sk|rk)_(?:live|test)_\w{10,} | ^AKIA[0-9A-Z]{16}$ | ^eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*$
        | ^(?:Bearer|Basic)\ [\w.~+/=-]{8,}$",
    )
});
static IN_COMMENT: LazyLock<Regex> = LazyLock::new(|| pattern(r#"([A-Za-z_][\w.-]*)["']?\s*[:=]\s*(\S.*)$"#));

/// Tells whether a value is a secret, whatever its name: an address with a password, a key, a well-known token.
#[must_use]
pub fn is_value(text: &str) -> bool {
    VALUE.is_match(text)
}

/// Tells whether Meltano would put variables into a text.
#[must_use]
pub fn has_expansion(text: &str) -> bool {
    EXPANSION.is_match(text)
}

/// A secret that stands in plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clear {
    /// Its key.
    pub name: String,
    /// The bytes of its value.
    pub span: Range<usize>,
}

/// Finds what looks like a secret in plain text, anywhere in a document.
#[must_use]
pub fn clear(document: &Document<'_>) -> Vec<Clear> {
    let mut found = Vec::new();
    walk(&document.root, "", (&is_name, &mut found));
    found
}

type Finder<'a> = (&'a dyn Fn(&str) -> bool, &'a mut Vec<Clear>);

fn walk(node: &Node, name: &str, (is_secret, found): Finder<'_>) {
    match &node.content {
        Content::Scalar { text, is_plain } => {
            let is_word = *is_plain && matches!(text.as_str(), "true" | "false" | "null" | "~");
            let says = !text.is_empty() && !is_word;
            if says && !has_expansion(text) && (is_secret(name) || is_value(text)) {
                found.push(Clear { name: name.to_owned(), span: node.span.clone() });
            }
        }
        Content::Sequence(_, items) => items.iter().for_each(|item| walk(item, name, (is_secret, found))),
        Content::Mapping(_, pairs) => {
            for pair in pairs {
                let key = pair.key.text().unwrap_or_default();
                // What declares settings says nothing of their values.
                if key != "settings" || pair.value.items().is_empty() {
                    walk(&pair.value, key, (is_secret, found));
                }
            }
        }
        Content::Alias(_) => {}
    }
}

/// Finds what looks like a secret in the comments of a document.
#[must_use]
pub fn in_comments(document: &Document<'_>, is_secret: &dyn Fn(&str) -> bool) -> Vec<Clear> {
    let all = comments(document.text, 0..document.text.len(), &document.root).into_iter();
    let clear = |(at, comment): (usize, &str)| {
        let said = IN_COMMENT.captures(comment).filter(|said| is_secret(&said[1]) && !has_expansion(&said[2]))?;
        let value = said.get(2)?;
        Some(Clear { name: said[1].to_owned(), span: at + value.start()..at + value.end() })
    };
    all.filter_map(clear).collect()
}

/// Returns the text with the settings of these names taken out, and all that looks like a secret, comments included:
/// for people to look at.
#[must_use]
pub fn masked(text: &str, names: &BTreeSet<&str>) -> String {
    let Ok(document) = Document::parse(text) else { return String::new() };
    let is_secret =
        |name: &str| is_name(name) || names.iter().any(|known| *known == name || known.ends_with(&format!(".{name}")));
    let mut found = in_comments(&document, &is_secret);
    walk(&document.root, "", (&is_secret, &mut found));
    let mut edits = crate::yaml::Edits::default();
    for clear in found {
        edits.replace(clear.span, "***");
    }
    edits.apply(text, &str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known_and_those_that_only_sound_so_are_not() {
        for secret in [
            "password",
            "db_password",
            "api_token",
            "auth_tokens".trim_end_matches('s'),
            "client_secret",
            "apiKey",
            "private_key",
            "stream_map_config.hash_seed",
            "x-api-key",
            "refresh_token",
            "credentials",
            "Authorization",
            "aws_secret_access_key",
        ] {
            assert!(is_name(secret), "{secret}");
        }
        for plain in [
            "next_page_token_path",
            "token_url",
            "max_tokens",
            "primary_keys",
            "private_key_path",
            "key_properties",
            "auth_method",
            "replication_key",
            "client_id",
            "password_file",
            "tokenizer",
            "keywords",
            "user",
        ] {
            assert!(!is_name(plain), "{plain}");
        }
    }

    #[test]
    fn values_that_are_secrets_under_any_name_are_known() {
        assert!(is_value("postgresql://me:hunter2@db/x") && is_value("Bearer abcdefgh12345"));
        assert!(!is_value("https://example.com:8080/a@b") && !is_value("eyes"));
        assert!(
            has_expansion("Bearer ${token}")
                && has_expansion("$A")
                && !has_expansion("pa$$word")
                && !has_expansion("$.page")
        );
    }

    #[test]
    fn what_is_shown_has_no_secrets_left_in_it() {
        let text = "pin: 12345\nk: [{keys: [hunter2]}]\na: # password: hunter2\n  password: hunter2\n  l: [{token: 'hunter2'}]\n  pem: |\n    -----BEGIN PRIVATE KEY-----\n    hunter2\nb: $PASSWORD\n";
        let names = BTreeSet::from(["pin", "x.keys"]);
        assert_eq!(
            masked(text, &names),
            "pin: ***\nk: [{keys: [***]}]\na: # password: ***\n  password: ***\n  l: [{token: ***}]\n  pem: |\n    ***\nb: $PASSWORD\n"
        );
    }
}
