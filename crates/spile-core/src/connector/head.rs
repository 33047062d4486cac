//! Heads: the keys of a definition before its first table, which are all that a search needs.

use super::Role;
use crate::problem::Problems;
use crate::source::Source;
use crate::table;

/// What a connector is called, and what a search finds it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its `type` in integrations.
    pub name: String,
    /// Which side of a pipeline it is.
    pub role: Role,
    /// Its name for people.
    pub label: String,
    /// One sentence for the catalog.
    pub description: String,
    /// Its section of the catalog.
    pub category: Option<String>,
    /// Other words that a search finds it by.
    pub keywords: Vec<String>,
    /// The address of its documentation.
    pub docs: Option<String>,
    /// An image: a file, relative to the project, or an address.
    pub logo: Option<String>,
}

impl Head {
    /// Reads a head from the lines before the first table, and skips the settings, which are most of a definition. If
    /// that fails, reads the whole definition.
    pub fn read(source: &Source, problems: &mut Problems) -> Option<Self> {
        Self::peek(source).or_else(|| super::read::connector(source, problems).map(|connector| connector.head))
    }

    /// Reads a head from the lines before the first table alone; the rest may be missing. Returns `None` if that fails.
    #[must_use]
    pub fn peek(source: &Source) -> Option<Self> {
        let text = source.text();
        let end = if text.starts_with('[') { 0 } else { text.find("\n[").map_or(text.len(), |at| at + 1) };
        Self::of_lines(source, &text[..end])
    }

    fn of_lines(source: &Source, lines: &str) -> Option<Self> {
        let table = table::tree(lines).ok()?;
        let text = |key: &str| match table.get(key) {
            Some(value) => value.get_ref().as_str().map(|text| Some(text.to_owned())),
            None => Some(None),
        };
        let stem = || source.path().file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let name = text("name")?.unwrap_or_else(stem);
        let role = text("kind")?.map_or(Some("extractor".to_owned()), Some)?;
        let keywords = match table.get("keywords") {
            Some(words) => {
                let words = words.get_ref().as_array()?.iter();
                words.map(|word| word.get_ref().as_str().map(str::to_owned)).collect::<Option<_>>()?
            }
            None => Vec::new(),
        };
        Some(Self {
            role: Role::WORDS.iter().find(|(word, _)| *word == role)?.1,
            label: text("label")?.unwrap_or_else(|| name.clone()),
            description: text("description")?.unwrap_or_default(),
            category: text("category")?,
            docs: text("docs")?,
            logo: text("logo")?,
            keywords,
            name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::{builtin, read};

    #[test]
    fn a_head_says_what_the_whole_definition_says() {
        let odd = "label = 'X'\ndescription = '''\n[a](b)\n[c]'''\n[plugin]\nname = 'tap-x'\nnamespace = 'x'\n";
        let own = (Role::Extractor, "odd", odd);
        for (_, name, text) in builtin::DEFINITIONS.into_iter().chain([own]) {
            let source = Source::new(format!("connectors/{name}.toml"), text);
            let mut problems = Problems::default();
            let head = Head::read(&source, &mut problems).unwrap();
            let whole = read::connector(&source, &mut problems).unwrap();
            assert_eq!(head, whole.head);
            assert!(!problems.any_error());
        }
    }

    #[test]
    fn a_mistake_in_a_head_is_reported_as_in_the_whole_definition() {
        let mut problems = Problems::default();
        let source = Source::new("connectors/x.toml", "kind = 'loder'\n[plugin]\nname = 'x'\nnamespace = 'x'\n");
        Head::read(&source, &mut problems);
        assert!(problems.any_error());
    }

    #[test]
    fn the_lines_before_the_first_table_are_all_that_is_needed() {
        let peek = |text: &str| Head::peek(&Source::new("connectors/x.toml", text));
        let head = Head {
            name: "x".to_owned(),
            role: Role::Loader,
            label: "X".to_owned(),
            description: String::new(),
            category: None,
            keywords: vec!["a".to_owned()],
            docs: None,
            logo: Some("x.svg".to_owned()),
        };
        let lines = ["kind = 'loader'", "label = 'X'", "keywords = ['a']", "logo = 'x.svg'"];
        for text in [
            lines.join("\n"),
            format!("{}\n[plugin]\nname = 'tar", lines.join("\n")),
            format!("{}\r\n[plugin]\r\n", lines.join("\r\n")),
        ] {
            assert_eq!(peek(&text), Some(head.clone()), "{text}");
        }
        assert_eq!(peek("[plugin]\n").unwrap().label, "x");
        assert_eq!(peek("label = 5\n[plugin]\n"), None);
    }
}
