//! The questions of `spile new` and `spile edit`: by the connector's form, tested before anything is written.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::ask::{self, Asked, Default};
use super::{Args, Desk, edit_of, file, given, save, secrets, tested, told};
use crate::cli::{Global, Output};
use crate::connector::kind::word_of;
use crate::connector::{Connector, Group, Kind, Role, Setting};
use crate::form::{self, NewFile, Rank, answer, first_sentence, label};
use crate::name::Slug;
use crate::ops::new::{self, Prepared, path_of};
use crate::ops::secrets::{Values, setup};
use crate::ops::{self, Error};
use crate::run::RunStatus;
use crate::value::Settings;

/// A choice of a list: what is shown, and what it stands for.
struct Choice<T> {
    shown: String,
    is: T,
}

impl<T> fmt::Display for Choice<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// The answers so far.
struct Answered {
    connector: Arc<Connector>,
    config: Settings,
    secrets: Values,
}

pub(super) async fn new(args: &Args, desk: &Desk, (global, output): (&Global, &mut Output)) -> Result<u8, Error> {
    let connector = match &args.connector {
        Some(name) => desk.connector((args.kind, name))?,
        None => pick(desk, args.kind)?,
    };
    let given = given(&args.answers, (&connector, |_, _, _| ()))?;
    let secrets = secrets(&given, output)?;
    let slug = match &args.slug {
        Some(slug) => slug.clone(),
        None => name(desk, &connector)?,
    };
    ready_for_secrets(&connector, desk, output).await?;
    let mut answered = Answered { connector: connector.clone(), config: given.config, secrets };
    answered.ask_all()?;
    let mut file = file(args, connector.clone());
    if connector.role == Role::Extractor {
        pipeline(&mut file, desk)?;
    }
    loop {
        file.config = answered.config.clone();
        let prepared = match new::prepare(desk.access(), (&slug, &file, &answered.secrets)).await {
            Err(error @ Error::Problems(_)) => {
                output.error(&error);
                answered.change()?;
                continue;
            }
            prepared => prepared?,
        };
        if is_well(&prepared, &mut answered, (global, output)).await? {
            output.text(&prepared.text);
            if !ask::yes(&format!("Write `{}`?", prepared.path.display()), Default::Yes)? {
                return Err(Error::Stopped);
            }
            return save(&prepared, (global, output)).await;
        }
    }
}

pub(super) async fn edit(slug: &Slug, desk: &Desk, (global, output): (&Global, &mut Output)) -> Result<u8, Error> {
    let integration = ops::run::named(&desk.loaded, slug.as_str())?;
    let environment = desk.loaded.environment(global.environment.as_deref())?;
    let connector = integration.connector.clone();
    let before = integration.at(&environment).config.clone();
    ready_for_secrets(&connector, desk, output).await?;
    let mut answered = Answered { connector, config: before.clone(), secrets: Values::new() };
    answered.change()?;
    while ask::yes("Change another setting?", Default::No)? {
        answered.change()?;
    }
    loop {
        let changed = answered.config.iter().filter(|(name, value)| before.get(*name) != Some(value));
        let edits: Vec<_> = changed.map(|(name, value)| edit_of(name, Some(value.clone()))).collect();
        let of = (slug.as_str(), global.environment.as_deref());
        let prepared = match new::changed(desk.access(), of, (&edits, &answered.secrets)).await {
            Err(error @ Error::Problems(_)) => {
                output.error(&error);
                answered.change()?;
                continue;
            }
            prepared => prepared?,
        };
        if is_well(&prepared, &mut answered, (global, output)).await? {
            return save(&prepared, (global, output)).await;
        }
    }
}

/// Offers a test. `false` where it failed and something was changed.
async fn is_well(
    prepared: &Prepared,
    answered: &mut Answered,
    (global, output): (&Global, &mut Output),
) -> Result<bool, Error> {
    if !ask::yes("Test the connection before it is written?", Default::Yes)? {
        return Ok(true);
    }
    let run = match tested(prepared, (global, output)).await? {
        Some(run) if run.status != RunStatus::Ok => run,
        _ => return Ok(true),
    };
    output.note(&told(&run));
    let next = [("change an answer", Next::Change), ("write it all the same", Next::Write), ("stop", Next::Stop)];
    let next = next.map(|(shown, is)| Choice { shown: shown.to_owned(), is });
    match ask::one("The test failed:", next.into())?.is {
        Next::Change => answered.change().map(|()| false),
        Next::Write => Ok(true),
        Next::Stop => Err(Error::Stopped),
    }
}

/// What is done after a test that failed.
enum Next {
    Change,
    Write,
    Stop,
}

fn pick(desk: &Desk, role: Role) -> Result<Arc<Connector>, Error> {
    let catalog = &desk.loaded.catalog;
    let all = catalog.names(role).filter_map(|name| catalog.find(role, name));
    let shown = |connector: &Connector| {
        let what = first_sentence(&connector.description);
        format!("{}  {} {what}", connector.name, connector.label)
    };
    let choices: Vec<_> = all.map(|connector| Choice { shown: shown(&connector), is: connector }).collect();
    Ok(ask::one("What is to be connected? (type to search)", choices)?.is)
}

fn name(desk: &Desk, connector: &Connector) -> Result<Slug, Error> {
    let root = desk.project.root().to_owned();
    let check = move |text: &str| {
        let slug: Slug = text.parse().map_err(|error: crate::name::NotAName| error.to_string())?;
        let path = path_of(&slug);
        if root.join(&path).exists() { Err(format!("`{}` is there already", path.display())) } else { Ok(()) }
    };
    let default = if check(&connector.name).is_ok() { connector.name.as_str() } else { "" };
    let help = "lower-case letters, digits and dashes: the file is named so";
    let asked = Asked { label: "Its name", help, default };
    let text = ask::text(asked, check)?;
    text.parse().map_err(|_| Error::Stopped)
}

/// Makes a key and rules where secrets are to be encrypted and nobody has said for whom.
async fn ready_for_secrets(connector: &Connector, desk: &Desk, output: &mut Output) -> Result<(), Error> {
    let has_secrets = connector.settings.iter().any(|setting| setting.secret);
    let anywhere = path_of(&"any".parse().map_err(|_| Error::Stopped)?);
    let rules = desk.project.sops_rules(&anywhere);
    let rules = rules.map_err(|source| Error::Io { doing: "read", path: ".sops.yaml".to_owned(), source })?;
    if !has_secrets || rules.is_some() {
        return Ok(());
    }
    let question =
        "Nobody says yet who may read secrets. Make a `.sops.yaml` for your key, and a key if you have none?";
    if !ask::yes(question, Default::Yes)? {
        return Err(Error::Stopped);
    }
    let made = setup(&desk.project, &desk.keys, false).await?;
    if let Some(key) = &made.key {
        output.step("Made", &format!("your key: {} (keep a copy of it where nobody else finds it)", key.display()));
    }
    output.step("Made", &made.rules.display().to_string());
    Ok(())
}

/// Asks where records go, and when.
fn pipeline(file: &mut NewFile, desk: &Desk) -> Result<(), Error> {
    let loaders = desk.loaded.integrations.by_slug().filter(|one| one.role() == Role::Loader);
    let mut choices: Vec<_> =
        loaders.map(|one| Choice { shown: one.slug.to_string(), is: Some(one.slug.clone()) }).collect();
    if file.loader.is_none() && !choices.is_empty() {
        choices.push(Choice { shown: "none yet".to_owned(), is: None });
        file.loader = ask::one("Where do its records go?", choices)?.is;
    }
    if file.loader.is_some() && file.schedule.is_none() {
        let help = "five cron fields, or @hourly @daily @weekly @monthly @yearly; empty: by hand";
        let check = |text: &str| {
            let parsed = || text.parse::<crate::integration::Schedule>().map(drop);
            if text.trim().is_empty() { Ok(()) } else { parsed().map_err(|error| error.to_string()) }
        };
        let asked = Asked { label: "When is it synced?", help, default: "" };
        file.schedule = Some(ask::text(asked, check)?).filter(|text| !text.trim().is_empty());
    }
    Ok(())
}

impl Answered {
    fn has(&self, name: &str) -> bool {
        self.config.contains_key(name) || self.secrets.contains_key(name)
    }

    /// Asks what is required, then for one of the groups, then what else there is.
    fn ask_all(&mut self) -> Result<(), Error> {
        let connector = self.connector.clone();
        for setting in form::ranked(&connector, Rank::Required) {
            if !self.has(&setting.name) {
                self.ask(setting)?;
            }
        }
        self.group(&connector)?;
        for (rank, question) in [(Rank::Optional, "What else is to be said?"), (Rank::Advanced, "And of the advanced?")]
        {
            self.others((&connector, rank), question)?;
        }
        Ok(())
    }

    /// Asks for the settings of one group, where none is there in full.
    fn group(&mut self, connector: &Connector) -> Result<(), Error> {
        let is_full = |group: &Group| group.settings.iter().all(|name| self.has(name));
        if connector.groups.is_empty() || connector.groups.iter().any(is_full) {
            return Ok(());
        }
        let shown = |group: &Group| format!("{} ({})", group.label, group.settings.join(", "));
        let choices = connector.groups.iter().map(|group| Choice { shown: shown(group), is: group });
        let group = match connector.groups.as_slice() {
            [group] => group,
            _ => ask::one("Which way?", choices.collect())?.is,
        };
        for setting in form::grouped(connector, group) {
            if !self.has(&setting.name) {
                self.ask(setting)?;
            }
        }
        Ok(())
    }

    fn others(&mut self, (connector, rank): (&Connector, Rank), question: &str) -> Result<(), Error> {
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

    /// Asks which setting is to be another, and for its value.
    fn change(&mut self) -> Result<(), Error> {
        let connector = self.connector.clone();
        let choices = connector.settings.iter().map(|setting| Choice { shown: shown(setting), is: setting });
        let setting = ask::one("Which setting?", choices.collect())?.is;
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
                let shown = |choice: &crate::connector::kind::Choice| {
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
            _ => self.typed(setting, (&label, &help))?,
        };
        self.config.insert(name, value);
        Ok(())
    }

    fn typed(&self, setting: &Setting, (label, help): (&str, &str)) -> Result<Value, Error> {
        let present = self.config.get(&setting.name).or(setting.default.as_ref());
        let present = present.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        let judged = setting.clone();
        let check = move |text: &str| {
            if text.trim().is_empty() { Err("it is needed".to_owned()) } else { answer(&judged, text).map(drop) }
        };
        let form = if setting.kind == Kind::Array { " Words between commas." } else { "" };
        let help = format!("{help}{form}");
        let asked = Asked { label, help: &help, default: present.as_deref().unwrap_or_default() };
        let text = ask::text(asked, check)?;
        answer(setting, &text).map_err(|_| Error::Stopped)
    }
}

fn shown(setting: &Setting) -> String {
    format!("{} ({})", label(setting), setting.name)
}
