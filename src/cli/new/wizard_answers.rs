//! The answers of a wizard, setting by setting, in the order of the connector's form.

use std::sync::Arc;

use serde_json::Value;

use super::ask::{self, Choice, Default, TextPrompt};
use spile_core::connector::kind::word_of;
use spile_core::connector::{Connector, Group, Kind, Setting};
use spile_core::form::{self, Rank, answer, first_sentence, label};
use spile_core::value::Settings;
use spile_ops::Error;
use spile_ops::secrets::Values;

/// The answers so far.
pub(super) struct WizardAnswers {
    pub(super) connector: Arc<Connector>,
    pub(super) config: Settings,
    pub(super) secrets: Values,
}

impl WizardAnswers {
    pub(super) fn has(&self, name: &str) -> bool {
        self.config.contains_key(name) || self.secrets.contains_key(name)
    }

    /// Prompts for required settings, then for one of the groups, then for other settings.
    pub(super) fn ask_all(&mut self) -> Result<(), Error> {
        let connector = self.connector.clone();
        for setting in form::ranked(&connector, Rank::Required) {
            if !self.has(&setting.name) {
                self.ask(setting)?;
            }
        }
        self.group(&connector)?;
        for (rank, question) in [
            (Rank::Optional, "Which optional settings do you want to set?"),
            (Rank::Advanced, "Which advanced settings do you want to set?"),
        ] {
            self.others(&connector, rank, question)?;
        }
        Ok(())
    }

    /// Prompts for the settings of one group, unless one is complete already.
    fn group(&mut self, connector: &Connector) -> Result<(), Error> {
        if connector.has_a_group(|name| self.has(name)) {
            return Ok(());
        }
        let shown = |group: &Group| format!("{} ({})", group.label, group.settings.join(", "));
        let choices = connector.groups.iter().map(|group| Choice { shown: shown(group), is: group });
        let group = match connector.groups.as_slice() {
            [group] => group,
            _ => ask::one("How do you want to connect?", choices.collect())?.is,
        };
        for setting in form::grouped(connector, group) {
            if !self.has(&setting.name) {
                self.ask(setting)?;
            }
        }
        Ok(())
    }

    fn others(&mut self, connector: &Connector, rank: Rank, question: &str) -> Result<(), Error> {
        let open = form::ranked(connector, rank).filter(|setting| !self.has(&setting.name));
        let choices: Vec<_> = open.map(|setting| Choice { shown: shown(setting), is: setting }).collect();
        if choices.is_empty() {
            return Ok(());
        }
        for choice in ask::any(question, choices)? {
            self.ask(choice.is)?;
        }
        Ok(())
    }

    /// Prompts for a setting to change, and for its value.
    pub(super) fn change(&mut self) -> Result<(), Error> {
        let connector = self.connector.clone();
        let choices = connector.settings.iter().map(|setting| Choice { shown: shown(setting), is: setting });
        let setting = ask::one("Which setting do you want to change?", choices.collect())?.is;
        self.ask(setting)
    }

    fn ask(&mut self, setting: &Setting) -> Result<(), Error> {
        let (name, label) = (setting.name.clone(), label(setting));
        let help = setting.description.as_deref().map(first_sentence).unwrap_or_default();
        if setting.secret {
            self.secrets.insert(name, ask::secret(&label, &help)?);
            return Ok(());
        }
        let value = match &setting.kind {
            Kind::Options(choices) => {
                let shown = |choice: &spile_core::connector::kind::Choice| {
                    let is_its_own = choice.label == word_of(&choice.value);
                    if is_its_own {
                        choice.label.clone()
                    } else {
                        format!("{} ({})", choice.label, word_of(&choice.value))
                    }
                };
                let choices = choices.iter().map(|choice| Choice { shown: shown(choice), is: choice.value.clone() });
                ask::one(&label, choices.collect())?.is
            }
            Kind::Boolean => {
                let is_so = setting.default.as_ref().is_some_and(|value| *value == Value::Bool(true));
                Value::Bool(ask::yes(&label, if is_so { Default::Yes } else { Default::No })?)
            }
            _ => self.typed(setting, &label, &help)?,
        };
        self.config.insert(name, value);
        Ok(())
    }

    fn typed(&self, setting: &Setting, label: &str, help: &str) -> Result<Value, Error> {
        let present = self.config.get(&setting.name).or(setting.default.as_ref());
        let present = present.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        let judged = setting.clone();
        let check = move |text: &str| {
            if text.trim().is_empty() { Err("a value is required".to_owned()) } else { answer(&judged, text).map(drop) }
        };
        let form = if setting.kind == Kind::Array { " Separate values with commas." } else { "" };
        let help = format!("{help}{form}");
        let asked = TextPrompt { label, help: &help, default: present.as_deref().unwrap_or_default() };
        let text = ask::text(asked, check)?;
        answer(setting, &text).map_err(|_| Error::Stopped)
    }
}

fn shown(setting: &Setting) -> String {
    format!("{} ({})", label(setting), setting.name)
}
