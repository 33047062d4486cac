//! What is known about built-in connectors besides their definitions: how far they have been tried, and how many projects
//! use their plugins.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use spile_core::connector::hub_facts::hub_facts;
use spile_core::connector::{Catalog, Head, Role};

/// The documentation with the table that the tests of installs write.
const TABLE: &str = include_str!("../../../docs/connectors.md");

/// How far a connector has been tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tried {
    /// A test moves data through it.
    Run,
    /// Its plugin installs, starts, and knows every setting.
    Installed,
    /// Its definition is written from the plugin's source.
    Defined,
}

impl Tried {
    /// All of them, the best first.
    pub const ALL: [Self; 3] = [Self::Run, Self::Installed, Self::Defined];

    /// Returns how far a connector has been tried; `None` if it is not built in.
    #[must_use]
    pub fn of(head: &Head) -> Option<Self> {
        static PARSED: LazyLock<BTreeMap<(Role, &str), Tried>> =
            LazyLock::new(|| TABLE.lines().filter_map(row).collect());
        PARSED.get(&(head.role, head.name.as_str())).copied()
    }

    /// Returns its word in the table and in an address.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Installed => "installed",
            Self::Defined => "defined",
        }
    }

    /// Returns what it means to people.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Run => "Tested with data",
            Self::Installed => "Tested to install",
            Self::Defined => "Not tested yet",
        }
    }
}

/// Returns a row of the table: connector, kind, plugin, variant, grade.
fn row(line: &'static str) -> Option<((Role, &'static str), Tried)> {
    let cells: Vec<&str> = line.strip_prefix("| `")?.split('|').map(str::trim).collect();
    let [name, role, _, _, grade, ..] = cells[..] else { return None };
    let (_, role) = Role::WORDS.into_iter().find(|(word, _)| *word == role)?;
    let tried = Tried::ALL.into_iter().find(|tried| tried.word() == grade)?;
    Some(((role, name.trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric())), tried))
}

/// Returns how many projects use the plugin of a connector, in any variant, as far as the hub knows.
#[must_use]
pub fn projects(head: &Head) -> u32 {
    static COUNTED: LazyLock<BTreeMap<(Role, String), u32>> = LazyLock::new(counted);
    COUNTED.get(&(head.role, head.name.clone())).copied().unwrap_or_default()
}

fn counted() -> BTreeMap<(Role, String), u32> {
    let count = |Head { role, name, .. }: Head| {
        let plugin = Catalog::built_in(role, &name)?.plugin.name.clone();
        let same = hub_facts().iter().filter(|fact| fact.head.role == role && fact.plugin == plugin);
        Some(((role, name), same.map(|fact| fact.projects).sum()))
    };
    Catalog::built_in_heads().into_iter().filter_map(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(role: Role, name: &str) -> Head {
        let (name, label) = (name.to_owned(), name.to_owned());
        let (description, category, keywords, docs, logo) = (String::new(), None, Vec::new(), None, None);
        Head { name, role, label, description, category, keywords, docs, logo }
    }

    #[test]
    fn every_built_in_connector_has_a_row_in_the_table() {
        for head in Catalog::built_in_heads() {
            assert!(Tried::of(&head).is_some(), "{} {}", head.role, head.name);
        }
        assert_eq!(Tried::of(&head(Role::Extractor, "of-this-project")), None);
    }

    #[test]
    fn what_many_use_counts_more() {
        let [postgres, typeform] = ["postgres", "typeform"].map(|name| projects(&head(Role::Extractor, name)));
        assert!(postgres > typeform, "{postgres} {typeform}");
    }
}
