//! Facts about every plugin of Meltano Hub, so that a search without a network finds what there is.

use std::sync::LazyLock;

use super::{Head, Role};

/// The facts, a line for each variant of a plugin. `.ci/hub-facts` makes them.
const FACTS: &str = include_str!("hub_facts.tsv");

/// What is known about a plugin whose definition is not on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubFact {
    /// Its name for an import, and what a search finds it by.
    pub head: Head,
    /// The plugin's name: `tap-zendesk`.
    pub plugin: String,
    /// The variant, which names the implementation's author.
    pub variant: String,
    /// Whether the hub uses it if no variant is named.
    pub is_default: bool,
    /// Who keeps it working, by the hub's word: `active`, `beta`, `development`, `inactive` or `unknown`.
    pub maintenance: String,
    /// How many projects use it, as far as the hub knows.
    pub projects: u32,
}

/// Returns the facts about every plugin, by role, plugin and variant. They are parsed once.
#[must_use]
pub fn hub_facts() -> &'static [HubFact] {
    static PARSED: LazyLock<Vec<HubFact>> =
        LazyLock::new(|| FACTS.lines().filter(|line| !line.starts_with('#')).filter_map(fact).collect());
    &PARSED
}

fn fact(line: &str) -> Option<HubFact> {
    let columns: Vec<&str> = line.split('\t').collect();
    let [role, plugin, variant, default, maintenance, projects, label, keywords, description] = *columns else {
        return None;
    };
    let (_, role) = Role::WORDS.into_iter().find(|(word, _)| *word == role)?;
    let is_default = default == "default";
    let name = if is_default { format!("hub:{plugin}") } else { format!("hub:{plugin}--{variant}") };
    let head = Head {
        name,
        role,
        label: label.to_owned(),
        description: description.to_owned(),
        category: None,
        keywords: keywords.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        docs: None,
        logo: None,
    };
    Some(HubFact {
        head,
        plugin: plugin.to_owned(),
        variant: variant.to_owned(),
        is_default,
        maintenance: maintenance.to_owned(),
        projects: projects.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_fact_and_each_plugin_has_one_default() {
        let facts = hub_facts();
        assert_eq!(facts.len(), FACTS.lines().filter(|line| !line.starts_with('#')).count());
        assert!(facts.len() > 1_000, "{}", facts.len());
        let mut defaults: Vec<_> =
            facts.iter().filter(|fact| fact.is_default).map(|fact| (fact.head.role, &fact.plugin)).collect();
        let all = defaults.len();
        defaults.sort();
        defaults.dedup();
        assert_eq!(defaults.len(), all, "two defaults");
    }

    #[test]
    fn a_default_variant_is_imported_by_the_name_of_its_plugin() {
        let facts = hub_facts();
        let named = |name: &str| facts.iter().find(|fact| fact.head.name == name).unwrap();
        assert!(named("hub:tap-zendesk").is_default);
        assert_eq!(named("hub:tap-zendesk").plugin, "tap-zendesk");
    }
}
