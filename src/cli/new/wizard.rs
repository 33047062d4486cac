//! The prompts of `spile new` and `spile edit`: they follow the connector's form, and test the settings before writing
//! anything.

use std::sync::Arc;

use super::ask::{self, Choice, Default, TextPrompt};
use super::streams::Chosen;
use super::wizard_answers::WizardAnswers;
use super::{Args, NewContext, edit_of, file, given, save, secrets, streams, tested, told};
use crate::cli::{Global, Output};
use spile_core::connector::{Connector, Role};
use spile_core::form::{NewFile, first_sentence};
use spile_core::name::Slug;
use spile_ops::Error;
use spile_ops::new::{self, Prepared, path_of};
use spile_ops::secrets::{Values, setup, to_set};

pub(super) async fn new(args: &Args, desk: &NewContext, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let connector = match &args.connector {
        Some(name) => desk.connector(args.kind, name)?,
        None => pick(desk, args.kind)?,
    };
    let given = given(&args.answers, &connector, |_, _, _| ())?;
    let secrets = secrets(&given, output)?;
    let slug = match &args.slug {
        Some(slug) => slug.clone(),
        None => name(desk, &connector)?,
    };
    ready_for_secrets(&connector, desk, output).await?;
    let mut answered = WizardAnswers { connector: connector.clone(), config: given.config, secrets };
    answered.ask_all()?;
    let mut file = file(args, connector.clone());
    if connector.head.role == Role::Extractor {
        pipeline(&mut file, desk)?;
    }
    let make = async |answered: &WizardAnswers, chosen: &Chosen| {
        let Chosen { select, metadata } = chosen;
        let (config, select, metadata) = (answered.config.clone(), select.clone(), metadata.clone());
        let file = NewFile { select, config, metadata, ..file.clone() };
        new::prepare(desk.access(), &slug, &file, &answered.secrets).await
    };
    let given = Chosen { select: file.select.clone(), ..Chosen::default() };
    let first = async |answered: &WizardAnswers| make(answered, &given).await;
    let (mut prepared, trial) = settled(&mut answered, first, global, output).await?;
    if trial == Trial::Passed && file.select.is_empty() && connector.can_select() {
        let chosen = streams::chosen(&prepared, global, output).await?;
        prepared = make(&answered, &chosen).await?;
    }
    output.text(&prepared.text);
    if !ask::yes(&format!("Write `{}`?", prepared.path.display()), Default::Yes)? {
        return Err(Error::Stopped);
    }
    save(&prepared, global, output).await
}

pub(super) async fn edit(slug: &Slug, desk: &NewContext, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let integration = desk.loaded.named(slug.as_str())?;
    let environment = desk.loaded.environment(global.environment.as_deref())?;
    let connector = integration.connector.clone();
    let before = integration.at(&environment).config.clone();
    ready_for_secrets(&connector, desk, output).await?;
    let mut answered = WizardAnswers { connector, config: before.clone(), secrets: Values::new() };
    answered.change()?;
    while ask::yes("Change another setting?", Default::No)? {
        answered.change()?;
    }
    let environment = global.environment.as_deref();
    let make = async |answered: &WizardAnswers| {
        let changed = answered.config.iter().filter(|(name, value)| before.get(*name) != Some(value));
        let edits: Vec<_> = changed.map(|(name, value)| edit_of(name, Some(value.clone()))).collect();
        new::changed(desk.access(), slug.as_str(), environment, &edits, &to_set(&answered.secrets)).await
    };
    let (prepared, _) = settled(&mut answered, make, global, output).await?;
    save(&prepared, global, output).await
}

/// The result of an optional test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trial {
    /// The test passed, or there was nothing to test.
    Passed,
    /// The user declined the test, or accepted its failure.
    Waived,
    /// The test failed, and the user changed an answer.
    Changed,
}

/// Prepares the file from the answers, until the project is valid and the user changes no more answers.
async fn settled(
    answered: &mut WizardAnswers,
    make: impl AsyncFn(&WizardAnswers) -> Result<Prepared, Error>,
    global: &Global,
    output: &mut Output,
) -> Result<(Prepared, Trial), Error> {
    loop {
        let prepared = match make(answered).await {
            Err(error @ Error::Problems(_)) => {
                output.error(&error);
                answered.change()?;
                continue;
            }
            prepared => prepared?,
        };
        match trial(&prepared, answered, global, output).await? {
            Trial::Changed => {}
            trial => return Ok((prepared, trial)),
        }
    }
}

/// Offers a test.
async fn trial(
    prepared: &Prepared,
    answered: &mut WizardAnswers,
    global: &Global,
    output: &mut Output,
) -> Result<Trial, Error> {
    if !ask::yes("Test the connection before writing the file?", Default::Yes)? {
        return Ok(Trial::Waived);
    }
    let run = match tested(prepared, global, output).await? {
        Some(run) if !run.status.succeeded() => run,
        _ => return Ok(Trial::Passed),
    };
    output.note(&told(&run));
    let next = [("change a setting", Next::Change), ("write the file anyway", Next::Write), ("stop", Next::Stop)];
    let next = next.map(|(shown, is)| Choice { shown: shown.to_owned(), is });
    match ask::one("The test failed:", next.into())?.is {
        Next::Change => answered.change().map(|()| Trial::Changed),
        Next::Write => Ok(Trial::Waived),
        Next::Stop => Err(Error::Stopped),
    }
}

/// What to do after a failed test.
enum Next {
    Change,
    Write,
    Stop,
}

fn pick(desk: &NewContext, role: Role) -> Result<Arc<Connector>, Error> {
    let catalog = &desk.loaded.catalog;
    let all = catalog.names(role).filter_map(|name| catalog.find(role, name));
    let shown = |connector: &Connector| {
        let what = first_sentence(&connector.head.description);
        format!("{}  {} {what}", connector.head.name, connector.head.label)
    };
    let choices: Vec<_> = all.map(|connector| Choice { shown: shown(&connector), is: connector }).collect();
    Ok(ask::one("What do you want to connect? (type to search)", choices)?.is)
}

fn name(desk: &NewContext, connector: &Connector) -> Result<Slug, Error> {
    let root = desk.project.root().to_owned();
    let check = move |text: &str| {
        let slug: Slug = text.parse().map_err(|error: spile_core::name::NotAName| error.to_string())?;
        let path = path_of(&slug);
        if root.join(&path).exists() { Err(format!("`{}` already exists", path.display())) } else { Ok(()) }
    };
    let default = if check(&connector.head.name).is_ok() { connector.head.name.as_str() } else { "" };
    let help = "lower-case letters, digits and dashes; also the name of the file";
    let asked = TextPrompt { label: "Name", help, default };
    let text = ask::text(asked, check)?;
    text.parse().map_err(|_| Error::Stopped)
}

/// Creates a key and rules if the connector has secrets and there is no `.sops.yaml` yet.
async fn ready_for_secrets(connector: &Connector, desk: &NewContext, output: &mut Output) -> Result<(), Error> {
    let has_secrets = connector.settings.iter().any(|setting| setting.secret);
    let anywhere = path_of(&"any".parse().map_err(|_| Error::Stopped)?);
    let rules = desk.project.sops_rules(&anywhere);
    let rules = rules?;
    if !has_secrets || rules.is_some() {
        return Ok(());
    }
    let question = "There is no `.sops.yaml` yet. Create one for your key, and a key if you have none?";
    if !ask::yes(question, Default::Yes)? {
        return Err(Error::Stopped);
    }
    let made = setup(&desk.project, &desk.keys, false).await?;
    if let Some(key) = &made.key {
        output.step("Created", &format!("your key: {} (keep a copy of it in a safe place)", key.display()));
    }
    output.step("Created", &made.rules.display().to_string());
    Ok(())
}

/// Prompts for the destination and the schedule.
fn pipeline(file: &mut NewFile, desk: &NewContext) -> Result<(), Error> {
    let loaders = desk.loaded.integrations.by_slug().filter(|one| one.role() == Role::Loader);
    let mut choices: Vec<_> =
        loaders.map(|one| Choice { shown: one.slug.to_string(), is: Some(one.slug.clone()) }).collect();
    if file.loader.is_none() && !choices.is_empty() {
        choices.push(Choice { shown: "none yet".to_owned(), is: None });
        file.loader = ask::one("Where should its records go?", choices)?.is;
    }
    if file.loader.is_some() && file.schedule.is_none() {
        let help = "five cron fields, or @hourly @daily @weekly @monthly @yearly; leave empty to sync manually";
        let check = |text: &str| {
            let parsed = || text.parse::<spile_core::integration::Schedule>().map(drop);
            if text.trim().is_empty() { Ok(()) } else { parsed().map_err(|error| error.to_string()) }
        };
        let asked = TextPrompt { label: "When should it sync?", help, default: "" };
        file.schedule = Some(ask::text(asked, check)?).filter(|text| !text.trim().is_empty());
    }
    Ok(())
}
