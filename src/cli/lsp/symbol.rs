//! What the names in a project's files refer to. Reads line by line, because a file may be half-written.

use std::ops::Range;
use std::path::Path;

use spile_core::connector::{Head, Role};
use spile_core::source::Source;

/// What a name refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Symbol {
    /// A connector.
    Connector(Role, String),
    /// A loader, by its slug.
    Loader(String),
    /// An environment.
    Environment(String),
    /// A secret of an integration.
    Secret { slug: String, key: String },
}

/// Whether a mention is the place that declares a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mentioned {
    Declared,
    Used,
}

/// One mention of a symbol in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) symbol: Symbol,
    pub(super) span: Range<usize>,
    pub(super) mentioned: Mentioned,
}

/// Returns the mentions in a file of a project, given by its relative path.
pub(super) fn mentions(path: &Path, text: &str) -> Vec<Mention> {
    let top = path.components().next().and_then(|part| part.as_os_str().to_str());
    match top {
        Some("spile.toml") => of_project(text),
        Some("integrations") => of_integration(path, text),
        Some("connectors") => of_connector(path, text),
        _ => Vec::new(),
    }
}

fn of_project(text: &str) -> Vec<Mention> {
    let headers = tables(text).filter_map(|table| {
        let name = table.name.strip_prefix("environments.")?.split('.').next()?;
        Some(mention(Symbol::Environment(name.to_owned()), table.span_of(name), Mentioned::Declared))
    });
    let named = entries(text).filter(|entry| matches!(entry.key, "default_environment" | "environment"));
    let used = named.map(|entry| mention(Symbol::Environment(entry.value.to_owned()), entry.at, Mentioned::Used));
    headers.chain(used).collect()
}

fn of_integration(path: &Path, text: &str) -> Vec<Mention> {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let (slug, overlay) = stem.split_once('.').map_or((stem, None), |(slug, environment)| (slug, Some(environment)));
    let is_loader = entries(text).any(|entry| entry.table.is_empty() && entry.key == "kind" && entry.value == "loader");
    let role = if is_loader { Role::Loader } else { Role::Extractor };
    let found = entries(text).filter_map(|entry| {
        let value = entry.value.to_owned();
        Some(match (entry.table, entry.key) {
            ("", "type") => mention(Symbol::Connector(role, value), entry.at, Mentioned::Used),
            ("", "kind") if is_loader => mention(Symbol::Loader(slug.to_owned()), entry.at, Mentioned::Declared),
            ("", "loader") => mention(Symbol::Loader(value), entry.at, Mentioned::Used),
            ("secrets", key) => {
                let mentioned = if overlay.is_some() { Mentioned::Used } else { Mentioned::Declared };
                let symbol = Symbol::Secret { slug: slug.to_owned(), key: key.to_owned() };
                mention(symbol, entry.key_at, mentioned)
            }
            _ => return None,
        })
    });
    // An overlay as a whole belongs to its environment.
    let whole = overlay.map(|name| mention(Symbol::Environment(name.to_owned()), 0..0, Mentioned::Used));
    whole.into_iter().chain(found).collect()
}

fn of_connector(path: &Path, text: &str) -> Vec<Mention> {
    let Some(head) = Head::peek(&Source::new(path, text)) else { return Vec::new() };
    let kind = entries(text).find(|entry| entry.table.is_empty() && entry.key == "kind").map_or(0..0, |entry| entry.at);
    vec![mention(Symbol::Connector(head.role, head.name), kind, Mentioned::Declared)]
}

fn mention(symbol: Symbol, span: Range<usize>, mentioned: Mentioned) -> Mention {
    Mention { symbol, span, mentioned }
}

/// The header of a table.
pub(super) struct Table<'a> {
    pub(super) name: &'a str,
    /// The first byte of its line.
    pub(super) start: usize,
    /// The first byte of its name.
    name_start: usize,
}

impl Table<'_> {
    fn span_of(&self, part: &str) -> Range<usize> {
        let start = self.name_start + self.name.find(part).unwrap_or_default();
        start..start + part.len()
    }
}

/// One line with a key and a value that is a single text.
pub(super) struct Entry<'a> {
    pub(super) table: &'a str,
    pub(super) key: &'a str,
    pub(super) key_at: Range<usize>,
    /// The value without its quotes.
    pub(super) value: &'a str,
    pub(super) at: Range<usize>,
}

/// Returns the headers of tables in a text.
pub(super) fn tables(text: &str) -> impl Iterator<Item = Table<'_>> {
    lines(text).filter_map(|(start, line)| {
        let name = header(line)?;
        Some(Table { name, start, name_start: start + line.find(name)? })
    })
}

/// Returns the entries of a text whose values are single texts.
pub(super) fn entries(text: &str) -> impl Iterator<Item = Entry<'_>> {
    let mut table = "";
    lines(text).filter_map(move |(start, line)| {
        if let Some(name) = header(line) {
            table = name;
            return None;
        }
        let (key, rest) = line.split_once('=')?;
        let quote = rest.trim_start().chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        let (before, after) = rest.split_once(quote)?;
        let value = after.split(quote).next()?;
        let from = start + key.len() + 1 + before.len() + 1;
        let key_from = start + key.len() - key.trim_start().len();
        let key = key.trim();
        let key_at = key_from..key_from + key.len();
        Some(Entry { table, key, key_at, value, at: from..from + value.len() })
    })
}

fn header(line: &str) -> Option<&str> {
    let name = line.trim_start().strip_prefix('[')?.trim_start_matches('[').split(']').next()?;
    (!name.starts_with(['"', '\'']) && !name.contains(',')).then(|| name.trim()).filter(|name| !name.is_empty())
}

/// Returns the lines of a text, each with its first byte.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n').scan(0, |next, line| {
        let start = *next;
        *next += line.len();
        Some((start, line.trim_end()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shows each mention as its text and symbol.
    fn shown(path: &str, text: &str) -> Vec<String> {
        let found = mentions(Path::new(path), text);
        found.iter().map(|one| format!("{} {:?} {:?}", &text[one.span.clone()], one.symbol, one.mentioned)).collect()
    }

    #[test]
    fn names_are_found_with_their_places() {
        let shop = "type = 'postgres'\n  loader=\"lake\" # here\nname\n[secrets]\npassword = \"ENC[x]\"\n[config]\nloader = 'x'\n";
        assert_eq!(
            shown("integrations/shop.toml", shop),
            [
                "postgres Connector(Extractor, \"postgres\") Used",
                "lake Loader(\"lake\") Used",
                "password Secret { slug: \"shop\", key: \"password\" } Declared",
            ]
        );
        assert_eq!(
            shown("integrations/a/lake.prod.toml", "[secrets]\nkey = 'ENC[x]'"),
            [" Environment(\"prod\") Used", "key Secret { slug: \"lake\", key: \"key\" } Used"]
        );
        assert_eq!(
            shown("integrations/lake.toml", "type = \"jsonl\"\nkind = \"loader\""),
            ["jsonl Connector(Loader, \"jsonl\") Used", "loader Loader(\"lake\") Declared"]
        );
        assert_eq!(
            shown(
                "spile.toml",
                "[project]\ndefault_environment = \"dev\"\n[environments.dev]\n[environments.prod.registry]\n"
            ),
            [
                "dev Environment(\"dev\") Declared",
                "prod Environment(\"prod\") Declared",
                "dev Environment(\"dev\") Used"
            ]
        );
        assert_eq!(shown("connectors/x.toml", "kind = \"loader\"\n"), ["loader Connector(Loader, \"x\") Declared"]);
    }
}
