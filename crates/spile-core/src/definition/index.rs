//! The hub's index of plugins: names and their variants.

use serde_json::Value;

use super::form::json;
use super::{DefinitionMistake, MOST_BYTES, Members};
use crate::connector::Role;
use crate::connector::read::is_word;
use crate::problem::Problems;
use crate::source::Source;

/// A plugin on the hub, with one of its variants.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Indexed {
    /// Its role in a pipeline.
    pub role: Role,
    /// Its name, for example `tap-github`.
    pub plugin: String,
    /// The variant, which names the implementation's author.
    pub variant: String,
    /// Whether the hub uses it if no variant is specified.
    pub is_default: bool,
}

impl Indexed {
    /// Returns the name of its definition: `tap-github--meltanolabs`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}--{}", self.plugin, self.variant)
    }
}

/// Parses an index from the hub's API (reference: `MeltanoHubService.get_plugins_of_type`). Names become parts of URLs
/// and files, so an index with an unsuitable name is refused as a whole.
pub fn index(source: &Source, role: Role, problems: &mut Problems) -> Option<Vec<Indexed>> {
    let span = (0..0).into();
    if source.text().len() > MOST_BYTES {
        problems.push(source, DefinitionMistake::TooLarge { mebibytes: MOST_BYTES >> 20, span });
        return None;
    }
    if source.text().trim_start().starts_with('<') {
        problems.push(source, DefinitionMistake::WebPage { span });
        return None;
    }
    let Value::Object(plugins) = json(source, problems)? else {
        problems.push(source, DefinitionMistake::NoIndex { found: "a list".to_owned(), span });
        return None;
    };
    let mut all = Vec::new();
    for (plugin, said) in plugins {
        let variants = said["variants"].as_object().filter(|_| is_word(&plugin));
        let Some(variants) = variants.filter(|variants| variants.keys().all(|name| is_word(name))) else {
            problems.push(source, DefinitionMistake::NoIndex { found: format!("`{}`", short(&plugin)), span });
            return None;
        };
        all.extend(of_plugin(role, &plugin, &said, variants));
    }
    Some(all)
}

fn of_plugin<'a>(role: Role, plugin: &'a str, said: &'a Value, variants: &'a Members) -> impl Iterator<Item = Indexed> {
    let default = said["default_variant"].as_str();
    variants.keys().map(move |variant| Indexed {
        role,
        plugin: plugin.to_owned(),
        variant: variant.clone(),
        is_default: default == Some(variant.as_str()),
    })
}

fn short(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<Vec<Indexed>>, Vec<String>) {
        let mut problems = Problems::default();
        let found = index(&Source::new("index", text), Role::Extractor, &mut problems);
        let codes = problems.into_report().problems().iter().map(crate::problem::Problem::code).collect();
        (found, codes)
    }

    #[test]
    fn every_variant_is_found() {
        let text = r#"{"tap-x": {"default_variant": "b", "logo_url": null, "variants": {"a": {"ref": "…"}, "b": {}}}}"#;
        let found = read(text).0.unwrap();
        let names: Vec<_> = found.iter().map(|one| (one.name(), one.is_default)).collect();
        assert_eq!(names, [("tap-x--a".to_owned(), false), ("tap-x--b".to_owned(), true)]);
    }

    #[test]
    fn an_invalid_index_is_refused_as_a_whole() {
        for (text, code) in [
            ("<html>", "spile::definition::web_page"),
            ("{\"a\":", "spile::definition::json"),
            ("[]", "spile::definition::no_index"),
            ("{\"message\": \"rate limited\"}", "spile::definition::no_index"),
            ("{\"../../x\": {\"variants\": {}}}", "spile::definition::no_index"),
            ("{\"tap-x\": {\"variants\": {\"a/../b\": {}}}}", "spile::definition::no_index"),
        ] {
            assert_eq!(read(text), (None, vec![code.to_owned()]), "{text}");
        }
    }

    #[test]
    fn refused_content_is_shown_safely() {
        let told = |text: &str| {
            let mut problems = Problems::default();
            assert_eq!(index(&Source::new("index", text), Role::Extractor, &mut problems), None);
            problems.into_report().problems()[0].message().to_string()
        };
        assert_eq!(told(&" ".repeat(MOST_BYTES + 1)), "the definition is larger than 2 MiB");
        for (name, shown) in
            [("../x", "../x".to_owned()), ("a\u{1b}[31m", "a[31m".to_owned()), (&".".repeat(90), ".".repeat(60))]
        {
            let text = serde_json::json!({name: {"variants": {}}}).to_string();
            assert_eq!(told(&text), format!("this is not a hub index: it contains `{shown}`"));
        }
    }
}
