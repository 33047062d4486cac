//! `spile notify`

use clap::Subcommand;

use super::{Global, Output, Site, agrees, exit};
use spile_core::name::EnvironmentName;
use spile_core::problem::{Problems, Report, did_you_mean, listed};
use spile_core::settings::{Channel, ProjectSettings};
use spile_ops::notify::Watched;
use spile_ops::{self as ops, Error, Event, Loaded};
use spile_view::notify::{self, OverviewData, SentData, TestedData};
use spile_world::{Outside, Project, World};

/// Send and inspect notifications
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send a test message to one or all channels and show the response
    Test(TestArgs),
    /// Send the notifications that are due; run it from cron every few minutes
    Send(SendArgs),
    /// Show the channels, the open alerts and when each was sent
    List(ListArgs),
}

#[derive(Debug, clap::Args)]
struct TestArgs {
    /// Name of the channel [default: all channels]
    #[arg(value_name = "CHANNEL")]
    name: Option<String>,
}

#[derive(Debug, clap::Args)]
struct SendArgs {}

#[derive(Debug, clap::Args)]
struct ListArgs {}

pub(super) async fn exec(args: &Args, global: &Global, output: &mut Output) -> Result<u8, Error> {
    let desk = NotifyContext::open(global, output)?;
    match &args.command {
        Command::Test(args) => test(args, &desk, output).await,
        Command::Send(_) => send(&desk, output).await,
        Command::List(_) => list(&desk, output).await,
    }
}

/// The context of the commands; also works if other files than `spile.toml` have problems.
struct NotifyContext {
    project: Project,
    settings: ProjectSettings,
    files: Result<Loaded, Report>,
    environment: EnvironmentName,
    outside: Outside,
}

impl NotifyContext {
    fn open(global: &Global, output: &Output) -> Result<Self, Error> {
        let project = global.project()?;
        let settings = ops::check::settings(&project)?;
        let files = match ops::check::used(&project) {
            Ok(loaded) => Ok(loaded),
            Err(Error::Problems(report)) => Err(report),
            Err(error) => return Err(error),
        };
        let environment = settings.environment(global.environment.as_deref())?;
        let outside = global.outside(&project, output)?;
        Ok(Self { project, settings, files, environment, outside })
    }

    fn watched(&self) -> Watched<'_> {
        Watched { settings: &self.settings, files: self.files.as_ref(), environment: &self.environment }
    }

    fn world(&self, output: &mut Output) -> Result<World, Error> {
        let Self { project, settings, environment, .. } = self;
        Site { project, settings, environment }.open(&self.outside, output)
    }

    /// Prompts for each mail server that needs a password and that the user has not agreed to yet.
    fn agree(&self, world: &World, channels: &[&Channel], output: &mut Output) {
        for channel in channels {
            if let Some(agreement) = world.notifier.missing_agreement(&channel.sender) {
                agrees(&agreement, &self.outside.agreements, output);
            }
        }
    }

    /// Returns the channels of the environment, or the one with a name.
    fn channels(&self, name: Option<&str>) -> Result<Vec<&Channel>, Error> {
        let mut channels = self.settings.channels_of(&self.environment);
        let Some(name) = name else { return Ok(channels) };
        let names = || self.settings.notify.iter().map(|channel| channel.name.as_str());
        let help = did_you_mean(name, names()).unwrap_or_else(|| match names().next() {
            None => format!("add a `[[notify]]` with `name = \"{name}\"` to `spile.toml`"),
            Some(_) => format!("`spile.toml` has {}", listed(names())),
        });
        channels.retain(|channel| channel.name.as_str() == name);
        if channels.is_empty() { Err(Error::NoChannel { name: name.to_owned(), help }) } else { Ok(channels) }
    }
}

async fn test(args: &TestArgs, desk: &NotifyContext, output: &mut Output) -> Result<u8, Error> {
    let channels = desk.channels(args.name.as_deref())?;
    // It needs no row, and so no key of a registry.
    let world = World::offline(&desk.project, &desk.settings, &desk.outside);
    desk.agree(&world, &channels, output);
    // Report missing agreements, with their places, before sending anything.
    let mut problems = Problems::default();
    for channel in &channels {
        world.notifier.check(&channel.sender, &mut problems);
    }
    if problems.any_error() {
        return Err(Error::Problems(problems.into_report()));
    }
    let tested = ops::notify::test(&world, desk.watched(), &channels).await;
    let tested: Vec<TestedData> = tested.iter().map(TestedData::from).collect();
    let data = serde_json::json!({ "channels": tested });
    output.result(|| notify::tested(&tested), &data);
    Ok(if tested.iter().all(|one| one.error.is_none()) { 0 } else { exit::FAILED })
}

async fn send(desk: &NotifyContext, output: &mut Output) -> Result<u8, Error> {
    let world = desk.world(output)?;
    desk.agree(&world, &desk.channels(None)?, output);
    let mut events = Vec::new();
    let mut tell = |event: Event| {
        output.event(&event);
        events.push(event);
    };
    let alerts = ops::notify::watch(&world, desk.watched(), &mut tell).await;
    let sent = SentData::of(&alerts, &events);
    output.result(|| notify::sent(&sent, desk.channels(None).is_ok_and(|all| all.is_empty())), &sent);
    Ok(if sent.problems.is_empty() { 0 } else { exit::FAILED })
}

async fn list(desk: &NotifyContext, output: &mut Output) -> Result<u8, Error> {
    let world = desk.world(output)?;
    let overview = ops::notify::overview(&world, desk.watched(), &mut |event| output.event(&event)).await?;
    let data = OverviewData::from(&overview);
    output.result(|| notify::overview(&data, &jiff::tz::TimeZone::system()), &data);
    Ok(0)
}
