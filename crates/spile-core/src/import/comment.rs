//! Comments inside tables: each is kept before the same key.

use toml_edit::{DocumentMut, Item, Table};

use crate::yaml::Pair;
use crate::yaml::edit::line_end;

/// A comment inside a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Within {
    /// The keys from the table to what the comment is about.
    pub path: Vec<String>,
    /// Its text, including the `#`.
    pub text: String,
}

impl Within {
    /// Returns a comment inside the value of a pair; `None` if it is about the pair itself.
    #[must_use]
    pub fn of(pair: &Pair, at: usize, comment: &str, text: &str) -> Option<Self> {
        let path = path(pair, at, text);
        (!path.is_empty()).then(|| Self { path, text: comment.to_owned() })
    }
}

/// Returns the keys from a pair to what a comment in it is about.
fn path(pair: &Pair, at: usize, text: &str) -> Vec<String> {
    // A comment after a key, on the same line, is about the key.
    if at < pair.key.span.start || !text[pair.key.span.end..at].contains('\n') {
        return Vec::new();
    }
    let pairs = pair.value.pairs();
    let next = pairs.iter().find(|inner| at <= line_end(text, inner.span().end));
    let Some(key) = next.or(pairs.last()).and_then(|inner| inner.key.text()) else { return Vec::new() };
    let inside = next.map(|inner| path(inner, at, text)).unwrap_or_default();
    std::iter::once(key.to_owned()).chain(inside).collect()
}

/// Inserts comments into the TOML text of a table. `root` is the path to the table.
#[must_use]
pub fn placed(text: String, root: &[&str], comments: &[Within]) -> String {
    if comments.is_empty() {
        return text;
    }
    // Cannot fail, because the text was written here.
    let Ok(mut document) = text.parse::<DocumentMut>() else { return text };
    for comment in comments {
        let path: Vec<&str> = root.iter().copied().chain(comment.path.iter().map(String::as_str)).collect();
        place(document.as_table_mut(), &path, &comment.text);
    }
    document.to_string()
}

/// Inserts a comment before the last key of a path, or before the value that contains it.
fn place(table: &mut Table, path: &[&str], comment: &str) {
    let Some((first, rest)) = path.split_first() else { return };
    let is_reached = match table.get(first) {
        Some(Item::Table(inner)) => rest.is_empty() && !inner.is_implicit(),
        Some(_) => true,
        None => return,
    };
    match table.get_mut(first) {
        Some(Item::Table(inner)) if is_reached => before(inner.decor_mut(), comment),
        // A table without its own header gets the comment at its first key.
        Some(Item::Table(inner)) if rest.is_empty() => {
            let next = inner.iter().next().map(|(key, _)| key.to_owned());
            if let Some(next) = next {
                place(inner, &[next.as_str()], comment);
            }
        }
        Some(Item::Table(inner)) => place(inner, rest, comment),
        Some(_) | None => {
            if let Some(mut key) = table.key_mut(first) {
                before(key.leaf_decor_mut(), comment);
            }
        }
    }
}

fn before(decor: &mut toml_edit::Decor, comment: &str) {
    let prefix = decor.prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default().to_owned();
    decor.set_prefix(format!("{prefix}{comment}\n"));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::toml_text::table;
    use crate::yaml::Document;

    #[test]
    fn a_comment_stays_before_its_key() {
        let yaml = "maps: # of all\n  # of orders\n  orders:\n    # the id\n    id: a\n    # the mail\n    mail: b # masked\n  \
                    # of users\n  users: {id: c} # short\n  # at the end\n";
        let document = Document::parse(yaml).unwrap();
        let pair = &document.root.pairs()[0];
        let found = crate::yaml::comments(yaml, 0..yaml.len(), &document.root);
        let within: Vec<Within> = found.iter().filter_map(|(at, text)| Within::of(pair, *at, text, yaml)).collect();
        let of = |within: &Within| format!("{}: {}", within.path.join("."), within.text);
        assert_eq!(
            within.iter().map(of).collect::<Vec<_>>(),
            [
                "orders: # of orders",
                "orders.id: # the id",
                "orders.mail: # the mail",
                "orders.mail: # masked",
                "users: # of users",
                "users: # short",
                "users: # at the end",
            ]
        );
        let long = "x".repeat(100);
        let value = json!({"orders": {"id": long, "mail": "b"}, "users": {"id": "c", "more": long}});
        let text = placed(table("config.maps", value.as_object().unwrap()), &["config", "maps"], &within);
        assert_eq!(
            text.replace(&long, "a"),
            "# of orders\n[config.maps.orders]\n# the id\nid = \"a\"\n# the mail\n# masked\nmail = \"b\"\n\n\
             # of users\n# short\n# at the end\n[config.maps.users]\nid = \"c\"\nmore = \"a\"\n"
        );
        let short = json!({"orders": {"id": "a"}, "users": {"id": "c"}});
        let text = placed(table("config.maps", short.as_object().unwrap()), &["config", "maps"], &within);
        let read: serde_json::Value = toml::from_str(&text).unwrap();
        assert_eq!(read, json!({"config": {"maps": short}}));
        assert_eq!(text.matches('#').count(), within.len(), "{text}");
    }
}
