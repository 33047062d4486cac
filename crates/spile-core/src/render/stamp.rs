//! The stamp of everything that a text is rendered from: the same stamp means the same text.

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::{Head, PARTS, Purpose};
use crate::digest::{hash, of_json};
use crate::name::IntegrationId;
use crate::plan::State;
use crate::record::Entry;
use crate::source::Source;

/// Returns the stamp of a text's inputs, including the version of the program.
#[must_use]
pub fn stamp(head: &Head, entries: &State<Entry>, template: &Source) -> String {
    let Head { project_id, default_environment, environments, purpose } = head;
    let frame = (env!("CARGO_PKG_VERSION"), PARTS.1, template.path(), template.text());
    let frame = of_json(&(frame, project_id, default_environment, environments, *purpose == Purpose::Run));
    let digest = |one: (&IntegrationId, &Entry)| of_json(&one);
    let all: Vec<_> = entries.iter().collect();
    let each: Vec<String> = all.into_par_iter().map(digest).collect();
    hash((frame + &each.concat()).as_bytes())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::connector::Role;
    use crate::integration::Choices;
    use crate::record::PluginDefinition;
    use crate::record::entry::{Origin, Setup};
    use crate::render::TEMPLATE;

    fn defined(variant: &str) -> Arc<PluginDefinition> {
        let keys = json!({"name": "tap-shop", "variant": variant}).as_object().cloned();
        Arc::new(keys.unwrap().into())
    }

    fn entry() -> Entry {
        Entry {
            slug: "shop".parse().unwrap(),
            role: Role::Extractor,
            protect: false,
            choices: Choices::default(),
            plugin: "tap-shop--shop".to_owned(),
            origin: Origin::Made,
            definition: defined("a"),
            base: Setup::default(),
            environments: BTreeMap::new(),
            loader: None,
            mappers: Vec::new(),
            interval: None,
        }
    }

    fn of(entry: Entry, default: &str, template: &str) -> String {
        let environments = vec!["dev".parse().unwrap(), "prod".parse().unwrap()];
        let (default_environment, project_id) = (default.parse().unwrap(), crate::name::project_id("x"));
        let head = Head { project_id, default_environment, environments, purpose: Purpose::Project };
        let entries = State::from_iter([(IntegrationId(uuid::Uuid::nil()), entry)]);
        stamp(&head, &entries, &Source::new("templates/meltano.yml.j2", template))
    }

    #[test]
    fn everything_that_is_rendered_changes_the_stamp_and_nothing_else_does() {
        let forward = Choices { forward_only: ["a".to_owned()].into(), ..Choices::default() };
        let setup = Setup { select: Some(["a.*".to_owned()].into()), ..Setup::default() };
        let stamps = [
            of(entry(), "dev", TEMPLATE),
            of(entry(), "prod", TEMPLATE),
            of(entry(), "dev", "another"),
            of(Entry { slug: "store".parse().unwrap(), ..entry() }, "dev", TEMPLATE),
            of(Entry { role: Role::Loader, ..entry() }, "dev", TEMPLATE),
            of(Entry { protect: true, ..entry() }, "dev", TEMPLATE),
            of(Entry { choices: forward, ..entry() }, "dev", TEMPLATE),
            of(Entry { plugin: "tap-shop".to_owned(), ..entry() }, "dev", TEMPLATE),
            of(Entry { origin: Origin::Imported, ..entry() }, "dev", TEMPLATE),
            of(Entry { definition: defined("b"), ..entry() }, "dev", TEMPLATE),
            of(Entry { base: setup.clone(), ..entry() }, "dev", TEMPLATE),
            of(Entry { environments: [("dev".parse().unwrap(), setup)].into(), ..entry() }, "dev", TEMPLATE),
            of(Entry { loader: Some("a".to_owned()), ..entry() }, "dev", TEMPLATE),
            of(Entry { interval: Some("a".to_owned()), ..entry() }, "dev", TEMPLATE),
        ];
        let different: BTreeSet<&String> = stamps.iter().collect();
        assert_eq!(different.len(), stamps.len());
        assert_eq!(of(entry(), "dev", TEMPLATE), stamps[0], "equal, but another one in memory");
    }
}
