//! `spile new` and `spile edit`

mod ask;
mod streams;
mod wizard;
mod wizard_answers;

use std::collections::BTreeSet;
use std::io::Read;

use serde_json::{Value, json};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::run::Pace;
use super::{Global, Output, Site, keys, program};
use spile_core::connector::{Connector, Role};
use spile_core::form::{self, AnswerWords, GivenAnswers, NewFile, SecretSource};
use spile_core::integration::rewrite::Edit;
use spile_core::name::{IntegrationId, Slug};
use spile_core::problem::{Problems, did_you_mean, listed};
use spile_core::run::Run;
use spile_core::secret::Secret;
use spile_ops::new::{self, Prepared};
use spile_ops::secrets::{Access, SecretsFile, Values, to_set};
use spile_ops::{self as ops, Error, Loaded};
use spile_world::files::door::text_named;
use spile_world::files::io_error::IoError;
use spile_world::{Keys, Program, Project};

/// Create an integration: prompts for missing settings, tests them, encrypts secrets, writes the file
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the integration and of its file
    slug: Option<Slug>,
    /// Name of the connector
    #[arg(long = "type", value_name = "TYPE")]
    connector: Option<String>,
    /// Whether it is a source (extractor) or a destination (loader)
    #[arg(long, value_name = "KIND", value_parser = role, default_value = "extractor")]
    kind: Role,
    /// Display name
    #[arg(long)]
    name: Option<String>,
    /// Description
    #[arg(long)]
    description: Option<String>,
    /// Loader that receives its records
    #[arg(long, value_name = "SLUG")]
    loader: Option<Slug>,
    /// Sync schedule: five cron fields or a shortcut like `@hourly`
    #[arg(long)]
    schedule: Option<String>,
    /// Time zone of the schedule
    #[arg(long, value_name = "ZONE", requires = "schedule")]
    timezone: Option<String>,
    /// Streams and fields to read, for example `orders.*`
    #[arg(long, value_name = "PATTERN", num_args = 1..)]
    select: Vec<String>,
    /// Tags
    #[arg(long = "tag", value_name = "TAG", num_args = 1..)]
    tags: Vec<String>,
    #[command(flatten)]
    answers: Answers,
}

/// Change settings of an integration, by prompts or from the command line
#[derive(Debug, clap::Args)]
pub struct EditArgs {
    /// Name of the integration
    slug: Slug,
    /// Remove this setting
    #[arg(long, value_name = "NAME", num_args = 1..)]
    unset: Vec<String>,
    #[command(flatten)]
    answers: Answers,
}

/// Values of settings
#[derive(Debug, Clone, clap::Args)]
struct Answers {
    /// Set a setting: `start_date=2024-01-01`; write lists as `a,b` or as TOML
    #[arg(long, value_name = "NAME=VALUE", num_args = 1..)]
    set: Vec<String>,
    /// Set a secret and encrypt it: `NAME` prompts, `NAME=@FILE` reads a file, `NAME=-` reads standard input
    #[arg(long, value_name = "NAME[=@FILE]", num_args = 1..)]
    secret: Vec<String>,
    /// Test the connection first, and write nothing if that fails
    #[arg(long)]
    test: bool,
    /// Print the file instead of writing it
    #[arg(long)]
    print: bool,
}

fn role(word: &str) -> Result<Role, String> {
    let found = Role::WORDS.into_iter().find(|(known, _)| *known == word);
    found.map(|(_, role)| role).ok_or_else(|| "use `extractor` or `loader`".to_owned())
}

/// The context of both commands.
struct NewContext {
    project: Project,
    loaded: Loaded,
    keys: Keys,
    program: Program,
}

impl NewContext {
    fn open(global: &Global, output: &Output) -> Result<Self, Error> {
        let project = global.project()?;
        // Checks unused connectors too.
        let loaded = ops::check(&project)?;
        Ok(Self { project, loaded, keys: keys(output), program: program() })
    }

    fn access(&self) -> Access<'_> {
        Access { project: &self.project, keys: &self.keys, program: &self.program, now: jiff::Timestamp::now() }
    }

    /// Returns the connector with a name.
    fn connector(&self, role: Role, name: &str) -> Result<std::sync::Arc<Connector>, Error> {
        let names = || self.loaded.catalog.names(role);
        let found = self.loaded.catalog.find(role, name);
        found.ok_or_else(|| {
            let help = did_you_mean(name, names()).unwrap_or_else(|| format!("choose one of {}", listed(names())));
            Error::NoConnector { role, name: name.to_owned(), help }
        })
    }
}

pub(super) async fn new(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let desk = NewContext::open(global, output)?;
    if output.asks() && !is_said(args, &desk)? {
        return wizard::new(args, &desk, global, output).await;
    }
    let say = |flag| format!("add {flag}, for example `spile new shop --type postgres --set host=db.example.com`");
    let connector =
        args.connector.as_ref().ok_or_else(|| Error::Unsaid { what: "a connector", help: say("`--type`") })?;
    let slug = args.slug.as_ref().ok_or_else(|| Error::Unsaid { what: "a name", help: say("a name") })?;
    let connector = desk.connector(args.kind, connector)?;
    let given = given(&args.answers, &connector, form::missing)?;
    let secrets = secrets(&given, output)?;
    let file = NewFile { config: given.config, ..file(args, connector) };
    let prepared = new::prepare(desk.access(), slug, &file, &secrets).await?;
    finish(&prepared, &args.answers, global, output).await
}

/// Tells whether the arguments say all that an integration needs, so that no prompts follow.
fn is_said(args: &Args, desk: &NewContext) -> Result<bool, Error> {
    let (Some(_), Some(connector)) = (&args.slug, &args.connector) else { return Ok(false) };
    let connector = desk.connector(args.kind, connector)?;
    let given = given(&args.answers, &connector, |_, _, _| ())?;
    let mut required = form::ranked(&connector, form::Rank::Required);
    Ok(connector.has_a_group(|name| given.has(name)) && required.all(|setting| given.has(&setting.name)))
}

pub(super) async fn edit(args: &EditArgs, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let desk = NewContext::open(global, output)?;
    let integration = desk.loaded.named(args.slug.as_str())?;
    let connector = integration.connector.clone();
    let is_said = !(args.unset.is_empty() && args.answers.set.is_empty() && args.answers.secret.is_empty());
    if output.asks() && !is_said {
        return wizard::edit(&args.slug, &desk, global, output).await;
    }
    let given = given(&args.answers, &connector, |_, _, _| ())?;
    let mut edits: Vec<Edit> = given.config.iter().map(|(name, value)| edit_of(name, Some(value.clone()))).collect();
    let (slug, environment) = (args.slug.as_str(), global.environment.as_deref());
    let file = SecretsFile::find(&desk.project, slug, environment)?;
    let encrypted = if file.document.is_some() { file.names()? } else { Vec::new() };
    let mut sealed = Vec::new();
    for name in &args.unset {
        SecretsFile::setting(&connector, name)?;
        if encrypted.contains(name) {
            sealed.push((name.clone(), None));
        } else {
            edits.push(edit_of(name, None));
        }
    }
    if !is_said {
        let help = "use `--set`, `--secret` or `--unset`, for example `--set host=db.example.com`".to_owned();
        return Err(Error::Unsaid { what: "changes", help });
    }
    sealed.extend(to_set(&secrets(&given, output)?));
    let prepared = new::changed(desk.access(), slug, environment, &edits, &sealed).await?;
    finish(&prepared, &args.answers, global, output).await
}

fn edit_of(name: &str, value: Option<Value>) -> Edit {
    Edit { table: Some("config"), key: name.to_owned(), value }
}

/// Returns the new file, still without settings.
fn file(args: &Args, connector: std::sync::Arc<Connector>) -> NewFile {
    NewFile {
        name: args.name.clone(),
        description: args.description.clone(),
        loader: args.loader.clone(),
        schedule: args.schedule.clone(),
        timezone: args.timezone.clone(),
        select: args.select.clone(),
        tags: args.tags.iter().cloned().collect::<BTreeSet<_>>(),
        ..NewFile::new(IntegrationId(Uuid::new_v4()), connector)
    }
}

/// Reads the answers from the arguments; `also` finds further problems.
fn given(
    answers: &Answers,
    connector: &Connector,
    also: fn(&GivenAnswers, &Connector, &mut Problems),
) -> Result<GivenAnswers, Error> {
    let mut problems = Problems::default();
    let given = form::read(AnswerWords { set: &answers.set, secret: &answers.secret }, connector, &mut problems);
    also(&given, connector, &mut problems);
    if problems.any_error() { Err(Error::Words(problems.into_report())) } else { Ok(given) }
}

/// Reads the secrets from their sources.
fn secrets(given: &GivenAnswers, output: &mut Output) -> Result<Values, Error> {
    let mut values = Values::new();
    for (name, from) in &given.secrets {
        values.insert(name.clone(), secret(name, from, output)?);
    }
    Ok(values)
}

fn secret(name: &str, from: &SecretSource, output: &mut Output) -> Result<Secret, Error> {
    let mut text = Zeroizing::new(String::new());
    match from {
        SecretSource::Typed => {
            let help = format!("use `--secret {name}=@FILE`, or `--secret {name}=-` to read standard input");
            return output.ask_secret(name).ok_or(Error::Unsaid { what: "a secret", help });
        }
        SecretSource::StandardInput => {
            let io = IoError::of("read", "standard input");
            std::io::stdin().read_to_string(&mut text).map_err(io)?;
        }
        SecretSource::File(path) => *text = text_named(path).map_err(|why| Error::of_named(path, why))?,
    }
    // Editors end files with a line break that is not part of the secret.
    let value = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
    Ok(Secret::new(value))
}

/// Tests if `--test` is set, writes the file, and shows the plan.
async fn finish(prepared: &Prepared, answers: &Answers, global: &Global, output: &mut Output) -> Result<u8, Error> {
    if answers.print {
        output.text(&prepared.text);
        return Ok(0);
    }
    if answers.test
        && let Some(run) = tested(prepared, global, output).await?
        && !run.status.succeeded()
    {
        let world = prepared.offline(&global.outside(&prepared.project, output)?);
        return Ok(super::run::show(&world, &prepared.loaded, &[run], output));
    }
    save(prepared, global, output).await
}

/// Tests a file that is not written yet.
async fn tested(prepared: &Prepared, global: &Global, output: &mut Output) -> Result<Option<Run>, Error> {
    let environment = prepared.loaded.environment(global.environment.as_deref())?;
    let world = prepared.offline(&global.outside(&prepared.project, output)?);
    let pace = Pace::of_the_project();
    let (interrupted, interrupt) = tokio::sync::watch::channel(false);
    let mut options = pace.options(&prepared.loaded.settings.sync, environment);
    options.interrupt = interrupt;
    let signals = tokio::spawn(super::signals::pass_on(interrupted));
    let run = new::test(&world, prepared, &options, &mut |event| output.event(&event)).await;
    signals.abort();
    run
}

/// Writes the file, and shows what a plan would change.
async fn save(prepared: &Prepared, global: &Global, output: &mut Output) -> Result<u8, Error> {
    new::save(&prepared.project, prepared)?;
    let path = prepared.path.display().to_string();
    if output.is_text() {
        output.step("Wrote", &path);
        if let Err(error) = show_plan(prepared, global, output).await {
            output.event(&ops::Event::Unseen { message: error.to_string(), help: None });
        }
    }
    let made = prepared.loaded.integrations.find(prepared.slug.as_str());
    let syncs = made.is_some_and(|made| made.role() == Role::Extractor && made.base.loader.is_some());
    let then = if syncs { format!(", then `spile sync {}`", prepared.slug) } else { String::new() };
    let next = format!("run `spile apply` to apply it{then}\n");
    output.result(|| next, &json!({ "slug": prepared.slug, "path": path }));
    Ok(0)
}

async fn show_plan(prepared: &Prepared, global: &Global, output: &mut Output) -> Result<(), Error> {
    let environment = prepared.loaded.environment(global.environment.as_deref())?;
    let (project, settings) = (&prepared.project, &prepared.loaded.settings);
    let outside = global.outside(project, output)?;
    let world = Site { project, settings, environment: &environment }.open(&outside, output)?;
    let plan = new::plan(&world, prepared, &environment).await?;
    super::plan::show(&super::plan::data(&plan, &prepared.loaded), output);
    Ok(())
}

/// Returns the error of a failed test, to show between prompts.
fn told(run: &Run) -> String {
    let error = run.error.clone().unwrap_or_default();
    let help = run.help().map(|help| format!("\n{help}")).unwrap_or_default();
    format!("{error}{help}\n")
}
