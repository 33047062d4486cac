//! One plugin of a `meltano.yml`, with what it inherits.

use serde_json::{Value, json};

use super::place::span_of;
use super::{DefinitionHints, DefinitionMistake, Members};
use crate::connector::Role;
use crate::problem::{Problems, did_you_mean, listed};
use crate::source::Source;

/// Returns the requested plugin, or the only one, merged with what it inherits.
pub(super) fn plugin(
    source: &Source,
    project: &Members,
    asked: &DefinitionHints,
    problems: &mut Problems,
) -> Option<Members> {
    let all = plugins(project, asked.role);
    let names = || all.iter().map(|one| one.name);
    let found = match &asked.plugin {
        Some(wanted) => all.iter().find(|one| one.name == wanted),
        None if all.len() == 1 => all.first(),
        None => {
            let (names, span) = (listed(names()), (0..0).into());
            let mistake = if names.is_empty() {
                DefinitionMistake::UnknownForm { found: "it has neither extractors nor loaders".to_owned(), span }
            } else {
                let help = "choose one with `--plugin`; `spile import` adopts the project as a whole";
                DefinitionMistake::Several { what: "plugin", names, help, span }
            };
            problems.push(source, mistake);
            return None;
        }
    };
    let Some(found) = found else {
        let name = asked.plugin.clone().unwrap_or_default();
        let help = did_you_mean(&name, names()).unwrap_or_else(|| format!("choose one of {}", listed(names())));
        problems.push(source, DefinitionMistake::NoPlugin { name, help, span: (0..0).into() });
        return None;
    };
    let is_both = |one: &Listed<'_>| one.name == found.name && one.role != found.role;
    if all.iter().any(is_both) {
        problems
            .push(source, DefinitionMistake::Both { name: found.name.to_owned(), span: span_of(source, found.name) });
        return None;
    }
    let mut plugin = inherited(source, &all, found, problems)?;
    plugin.insert("plugin_type".to_owned(), json!(found.role.plural()));
    Some(plugin)
}

/// A plugin of the project.
struct Listed<'a> {
    role: Role,
    name: &'a str,
    members: &'a Members,
}

fn plugins(project: &Members, only: Option<Role>) -> Vec<Listed<'_>> {
    let roles = [Role::Extractor, Role::Loader].into_iter().filter(|role| only.is_none_or(|only| only == *role));
    let of = |role: Role| {
        let list = project["plugins"][role.plural()].as_array().into_iter().flatten();
        list.filter_map(move |plugin| {
            Some(Listed { role, name: plugin["name"].as_str()?, members: plugin.as_object()? })
        })
    };
    roles.flat_map(of).collect()
}

/// Merges a plugin with what it inherits.
fn inherited(source: &Source, all: &[Listed<'_>], plugin: &Listed<'_>, problems: &mut Problems) -> Option<Members> {
    let Listed { role, name, members } = *plugin;
    let mut chain = vec![members];
    let mut seen = vec![name];
    while let Some(parent) = chain.last().and_then(|plugin| plugin.get("inherit_from")).and_then(Value::as_str) {
        let span = span_of(source, parent);
        // The plugin at fault is the one that names the parent, not the one that was requested.
        let heir = (*seen.last().unwrap_or(&name)).to_owned();
        let Some(found) = all.iter().find(|one| one.role == role && one.name == parent) else {
            problems.push(source, DefinitionMistake::NoParent { name: heir, parent: parent.to_owned(), span });
            return None;
        };
        if seen.contains(&found.name) {
            problems.push(source, DefinitionMistake::Cycle { name: found.name.to_owned(), span });
            return None;
        }
        seen.push(found.name);
        chain.push(found.members);
    }
    let mut plugin = Members::new();
    for members in chain.into_iter().rev() {
        for (key, value) in members {
            let value = match (key.as_str(), plugin.remove(key)) {
                ("settings", Some(inherited)) => laid_over(&inherited, value),
                _ => value.clone(),
            };
            plugin.insert(key.clone(), value);
        }
    }
    // Its name in Meltano is the one that it is installed under.
    plugin.insert("name".to_owned(), json!(seen.last().unwrap_or(&name)));
    plugin.shift_remove("inherit_from");
    Some(plugin)
}

/// Merges settings one by one. A plugin's own setting replaces the inherited one.
fn laid_over(inherited: &Value, own: &Value) -> Value {
    let own = own.as_array().cloned().unwrap_or_default();
    let is_own = |setting: &&Value| own.iter().any(|one| one["name"] == setting["name"]);
    let kept = inherited.as_array().into_iter().flatten().filter(|setting| !is_own(setting)).cloned();
    kept.chain(own.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::tests::bad_as;
    use crate::definition::{Definition, read};

    fn asked(role: Role) -> DefinitionHints {
        DefinitionHints { role: Some(role), ..DefinitionHints::default() }
    }

    #[test]
    fn the_only_plugin_is_used_by_default() {
        let extractors = "plugins:\n  extractors:\n  - {name: tap-x, pip_url: tap-x==1}\n";
        let both = format!("{extractors}  loaders:\n  - {{name: target-y, pip_url: target-y==1}}\n");
        for (text, asked, plugin) in [
            (extractors, DefinitionHints::default(), "tap-x"),
            (both.as_str(), asked(Role::Extractor), "tap-x"),
            (both.as_str(), asked(Role::Loader), "target-y"),
        ] {
            let mut problems = Problems::default();
            let Definition { connector, .. } = read(&Source::new("x", text), &asked, &mut problems).unwrap();
            assert_eq!(connector.plugin.name, plugin, "{text}");
            assert!(!problems.any_error());
        }
        assert_eq!(
            bad_as(&both, &DefinitionHints::default()),
            ["x:1: it contains more than one plugin: `tap-x`, `target-y` [spile::definition::several]"]
        );
        assert_eq!(
            bad_as(extractors, &asked(Role::Loader)),
            [
                "x:1: this is not a plugin definition: it has neither extractors nor loaders [spile::definition::unknown_form]"
            ]
        );
    }
}
