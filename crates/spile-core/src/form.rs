//! Forms: the settings that a connector asks for, how answers are read, and the file that they produce. Pure.
//!
//! Terminals and pages both use them, each in its own way.

mod answer;
mod file;
mod mistake;
mod posted;
mod shown;
mod words;

pub use answer::answer;
pub use file::NewFile;
pub use mistake::AnswerMistake;
pub use posted::{Posted, posted};
pub use shown::{lines, may_have_lines, shown};
pub use words::{AnswerWords, GivenAnswers, SecretSource, missing, read};

use crate::connector::{Connector, Group, Setting};

/// The importance of a setting in a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// It is always asked for.
    Required,
    /// It is asked for if its group is chosen.
    Grouped,
    /// It is only asked for on request.
    Optional,
    /// It is shown last.
    Advanced,
}

impl Rank {
    /// Returns the rank of a setting.
    #[must_use]
    pub fn of(connector: &Connector, setting: &Setting) -> Self {
        let is_grouped = connector.groups.iter().any(|group| group.settings.contains(&setting.name));
        match (setting.required, is_grouped, setting.advanced) {
            (true, _, _) => Self::Required,
            (false, true, _) => Self::Grouped,
            (false, false, false) => Self::Optional,
            (false, false, true) => Self::Advanced,
        }
    }
}

/// Returns the settings of a rank, in the order of the definition.
pub fn ranked(connector: &Connector, rank: Rank) -> impl Iterator<Item = &Setting> {
    connector.settings.iter().filter(move |setting| Rank::of(connector, setting) == rank)
}

/// Returns the settings of a group that are not asked for anyway.
pub fn grouped<'a>(connector: &'a Connector, group: &'a Group) -> impl Iterator<Item = &'a Setting> {
    ranked(connector, Rank::Grouped).filter(|setting| group.settings.contains(&setting.name))
}

/// Returns the label of a setting in a form.
#[must_use]
pub fn label(setting: &Setting) -> String {
    setting.label.clone().unwrap_or_else(|| setting.name.clone())
}

/// Returns the first sentence of a description, on one line, with its Markdown.
#[must_use]
pub fn first_sentence(description: &str) -> String {
    let line = description.split_whitespace().collect::<Vec<_>>().join(" ");
    let end = line.find(". ").map_or(line.len(), |at| at + 1);
    line[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::{Catalog, Role};

    #[test]
    fn a_setting_is_shown_by_its_label_or_otherwise_by_its_name() {
        let postgres = Catalog::built_in(Role::Extractor, "postgres").unwrap();
        let mut setting = postgres.setting("port").unwrap().clone();
        setting.label = None;
        assert_eq!(label(&setting), "port");
        setting.label = Some("Port".to_owned());
        assert_eq!(label(&setting), "Port");
    }
}
