//! All connectors: the built-in ones and the project's own, which override them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::{Connector, Head, Role, builtin, read};
use crate::problem::Problems;
use crate::source::Source;

/// All connectors by role and name. A built-in definition is parsed on first use: most projects use a handful, and
/// start-up must not get slower as the catalog grows.
#[derive(Debug, Default)]
pub struct Catalog(BTreeMap<(Role, String), Definition>);

#[derive(Debug)]
struct Definition {
    text: &'static str,
    connector: OnceLock<Option<Arc<Connector>>>,
}

impl Catalog {
    /// Returns the built-in connectors, overridden by the project's own.
    pub fn new(own: &[Source], problems: &mut Problems) -> Self {
        let mut definitions: BTreeMap<_, _> = builtin::DEFINITIONS
            .into_iter()
            .map(|(role, name, text)| ((role, name.to_owned()), Definition { text, connector: OnceLock::new() }))
            .collect();
        let mut seen: BTreeMap<(Role, String), &Source> = BTreeMap::new();
        for source in own {
            let Some(connector) = read::connector(source, problems) else { continue };
            let key = (connector.head.role, connector.head.name.clone());
            if let Some(first) = seen.insert(key.clone(), source) {
                let first = first.path().display().to_string();
                problems.push(
                    source,
                    read::ConnectorMistake::Twice { role: key.0, name: key.1, first, span: (0..0).into() },
                );
                continue;
            }
            if !Self::is_named(source.path(), key.0, &key.1) {
                problems.push(
                    source,
                    read::ConnectorMistake::Stem { role: key.0, name: key.1.clone(), span: (0..0).into() },
                );
            }
            let connector = OnceLock::from(Some(Arc::new(connector)));
            definitions.insert(key, Definition { text: "", connector });
        }
        Self(definitions)
    }

    /// Returns the connector with that role and name.
    #[must_use]
    pub fn find(&self, role: Role, name: &str) -> Option<Arc<Connector>> {
        let definition = self.0.get(&(role, name.to_owned()))?;
        definition.connector.get_or_init(|| parse_builtin(name, definition.text)).clone()
    }

    /// Tells whether there is a connector with that role and name.
    #[must_use]
    pub fn has(&self, role: Role, name: &str) -> bool {
        self.0.contains_key(&(role, name.to_owned()))
    }

    /// Tells whether a file has the name of a connector's file: `<name>.toml`, or `<name>-<kind>.toml`, because an
    /// extractor and a loader may share a name.
    #[must_use]
    pub fn is_named(path: &Path, role: Role, name: &str) -> bool {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let kind = match role {
            Role::Extractor => "-extractor",
            Role::Loader => "-loader",
        };
        stem == name || stem.strip_suffix(kind) == Some(name)
    }

    /// Tells whether a connector is built in.
    #[must_use]
    pub fn is_built_in(role: Role, name: &str) -> bool {
        builtin::DEFINITIONS.iter().any(|(of, known, _)| *of == role && *known == name)
    }

    /// Returns the built-in connector with that role and name.
    #[must_use]
    pub fn built_in(role: Role, name: &str) -> Option<Arc<Connector>> {
        let (_, name, text) = builtin::DEFINITIONS.iter().find(|(of, known, _)| *of == role && *known == name)?;
        parse_builtin(name, text)
    }

    /// Returns the heads of all built-in connectors.
    #[must_use]
    pub fn built_in_heads() -> Vec<Head> {
        let head = |(_, name, text): &(Role, &str, &'static str)| {
            Head::read(&Source::new(format!("{name}.toml"), *text), &mut Problems::default())
        };
        builtin::DEFINITIONS.iter().filter_map(head).collect()
    }

    /// Returns the names of all connectors of a role, sorted.
    pub fn names(&self, role: Role) -> impl Iterator<Item = &str> {
        self.0.keys().filter(move |(of, _)| *of == role).map(|(_, name)| name.as_str())
    }
}

/// Discards problems: a test parses every built-in definition and finds none.
fn parse_builtin(name: &str, text: &'static str) -> Option<Arc<Connector>> {
    let source = Source::new(format!("{name}.toml"), text);
    read::connector(&source, &mut Problems::default()).map(Arc::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::bundled::Bundled;

    #[test]
    fn every_built_in_definition_is_read_without_a_problem() {
        for (role, name, text) in builtin::DEFINITIONS {
            let mut problems = Problems::default();
            let connector = read::connector(&Source::new(format!("{name}.toml"), text), &mut problems);
            let report = problems.into_report();
            assert!(report.problems().is_empty(), "{name}: {report:?}");
            let connector = connector.unwrap();
            assert_eq!((connector.head.role, connector.head.name.as_str()), (role, name));
            let pip_url = &connector.plugin.pip_url;
            let is_pinned = pip_url.contains("==") || is_a_commit(pip_url) || Bundled::of(pip_url).is_some();
            assert!(is_pinned, "{name} is pinned");
        }
    }

    /// Tells whether a requirement names one commit of a repository.
    fn is_a_commit(pip_url: &str) -> bool {
        let address = pip_url.split('#').next().unwrap_or_default();
        let commit = address.strip_prefix("git+https://").and_then(|rest| rest.rsplit_once('@'));
        commit.is_some_and(|(_, commit)| commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }

    #[test]
    fn a_file_is_named_after_its_connector() {
        let is = |path: &str| Catalog::is_named(Path::new(path), Role::Loader, "lake");
        assert!(is("connectors/lake.toml") && is("connectors/a/lake-loader.toml"));
        assert!(
            !is("connectors/lake-extractor.toml")
                && !is("connectors/lakeloader.toml")
                && !is("connectors/-loader.toml")
        );
        let text = "name = 'x'\n[plugin]\nname = 'tap-x'\nnamespace = 'tap_x'\n";
        let mut problems = Problems::default();
        Catalog::new(&[Source::new("connectors/y.toml", text)], &mut problems);
        let report = problems.into_report();
        assert_eq!(report.problems()[0].code(), "spile::connector::stem");
    }

    #[test]
    fn a_definition_of_the_project_overrides_the_built_in_one() {
        let text = "kind = 'loader'\nlabel = 'Mine'\n[plugin]\nname = 'target-jsonl'\nnamespace = 'target_jsonl'\n";
        let own = Source::new("connectors/jsonl.toml", text);
        let mut problems = Problems::default();
        let catalog = Catalog::new(&[own], &mut problems);
        assert!(!problems.any_error(), "{problems:?}");
        assert_eq!(catalog.find(Role::Loader, "jsonl").unwrap().head.label, "Mine");
        assert_eq!(catalog.find(Role::Extractor, "jsonl"), None);
    }

    #[test]
    fn a_connector_is_built_in_by_its_role_and_name() {
        for (role, name, is) in [
            (Role::Extractor, "salesforce", true),
            (Role::Loader, "salesforce", false),
            (Role::Loader, "jsonl", true),
            (Role::Extractor, "jsonl", false),
            (Role::Extractor, "mine", false),
        ] {
            assert_eq!(Catalog::is_built_in(role, name), is, "{role} {name}");
            assert_eq!(Catalog::built_in(role, name).is_some(), is, "{role} {name}");
        }
    }
}
