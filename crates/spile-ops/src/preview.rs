//! `sync --preview`: reads the first records of each stream into a file of its own, and shows them.
//!
//! Separate from runs, because a preview is none: it reads and stores no bookmark, changes no status, and uses neither
//! the loader nor the registry.

mod error;
mod scratch_loader;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;

use super::discover::help;
use super::invocation::{self, Invocation};
use super::run::{CANNOT_SELECT, LOADER};
use super::{Error, Event, Loaded, Tell};
use spile_core::connector::Role;
use spile_core::discovered::can_select;
use spile_core::integration::Integration;
use spile_core::name::EnvironmentName;
use spile_core::run::StreamFilter;
use spile_core::run::preview::Preview;
use spile_world::World;
use spile_world::files::io_error::IoError;
use spile_world::files::own_folder::OwnFolder;
use spile_world::files::project::OWN_FOLDER;
use spile_world::processes::meltano::{Hold, Host, InstallError, NotHeld, Outcome, Request, RunError, keep_logs};

pub use error::Error as PreviewError;

/// How many logs of previews are kept for an integration.
const LOGS: u16 = 5;

/// The folder of the files, in spile's own folder.
const FOLDER: &str = "preview";

/// What to read, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The environment.
    pub environment: EnvironmentName,
    /// How many records of each stream.
    pub records: u32,
    /// Which of the selected streams.
    pub streams: Vec<String>,
    /// The timeout.
    pub timeout: Duration,
    /// What of the machine's environment children are given.
    pub host: Host,
    /// Becomes true when the user interrupts.
    pub interrupt: watch::Receiver<bool>,
}

/// The first records of a source, and where they are.
#[derive(Debug, Clone)]
pub struct Previewed {
    /// The integration.
    pub integration: Arc<Integration>,
    /// The DuckDB file, relative to the project. `None` if no stream has columns.
    pub file: Option<PathBuf>,
    /// The records.
    pub preview: Preview,
}

/// Reads the first records of each selected stream into a new DuckDB file, which replaces that of an earlier preview.
///
/// # Errors
/// When nothing has that name, its tap or DuckDB cannot be installed, the tap fails, or something else runs it.
pub async fn preview(
    world: &World,
    loaded: &Loaded,
    name: &str,
    options: &Options,
    tell: Tell<'_>,
) -> Result<Previewed, Error> {
    let integration = loaded.named(name)?;
    refuse(integration, options)?;
    invocation::install(world, &options.host, &options.interrupt, tell).await?;
    let run = Uuid::new_v4();
    let log = log(integration, run);
    let reader = Reader { world, loaded, integration, options, run, log: &log };
    let done = reader.preview(tell).await;
    keep_logs(world.project.root(), &log, LOGS);
    done
}

/// Refuses what has no streams, and what a preview would show otherwise than a sync moves it.
fn refuse(integration: &Integration, options: &Options) -> Result<(), Error> {
    let refused = |reason: &'static str, help: &'static str| {
        Err(Error::NotRunnable { slug: integration.slug.clone(), reason: reason.into(), help: help.into() })
    };
    if integration.role() == Role::Loader {
        return refused(LOADER.0, LOADER.1);
    }
    // A mapper may be what removes personal data.
    if !integration.at(&options.environment).mappers.is_empty() {
        return refused(
            "has mappers, and a preview would show records as they are before those",
            "sync it into a DuckDB loader instead",
        );
    }
    if !options.streams.is_empty() && !can_select(integration) {
        return refused(CANNOT_SELECT, "preview it without `--stream`");
    }
    Ok(())
}

/// Apart from the logs of runs, which it must not push out.
fn log(integration: &Integration, run: Uuid) -> PathBuf {
    Path::new(OWN_FOLDER).join("logs").join(integration.slug.as_str()).join("preview").join(format!("{run}.log"))
}

/// One preview.
struct Reader<'a> {
    world: &'a World,
    loaded: &'a Loaded,
    integration: &'a Arc<Integration>,
    options: &'a Options,
    run: Uuid,
    log: &'a Path,
}

impl Reader<'_> {
    async fn preview(&self, tell: Tell<'_>) -> Result<Previewed, Error> {
        let request = self.request().await?;
        let place = Path::new(FOLDER).join(format!("{}.duckdb", self.integration.slug));
        let file = Path::new(OWN_FOLDER).join(&place);
        let loader = scratch_loader::request(&request, self.loaded, &file)?;
        self.make_ready(&request, &loader, tell).await?;
        tell(Event::Previewing { slug: self.integration.slug.clone() });
        let preview = self.read(&request).await?;
        let own = self.world.project.own().make().map_err(IoError::of("use", OWN_FOLDER))?;
        remove(&own, &place).map_err(IoError::of("remove", &file))?;
        let messages = preview.messages();
        let has_tables = !messages.is_empty();
        if has_tables {
            own.place(&place).map_err(IoError::of("write", &file))?;
            if let Err(error) = self.load(&loader, &messages).await {
                // A file with only some of the streams would mislead. If it cannot be removed, the next preview does.
                let _ = remove(&own, &place);
                return Err(error);
            }
        }
        Ok(Previewed { integration: self.integration.clone(), file: has_tables.then_some(file), preview })
    }

    async fn request(&self) -> Result<Request, Error> {
        let Options { environment, .. } = self.options;
        let special = Invocation {
            run: self.run,
            environment: environment.clone(),
            log: self.log.to_owned(),
            timeout: Some(self.options.timeout),
            host: self.options.host.clone(),
            hold: None,
        };
        let mut request = invocation::request(self.world, self.loaded, self.integration, None, special).await?;
        let names = invocation::named_variables(self.integration, environment);
        invocation::require(self.world, &request, self.integration, names)?;
        let filter = StreamFilter { only: self.options.streams.clone(), refresh: Vec::new() };
        invocation::narrow(&mut request, &filter);
        Ok(request)
    }

    /// Installs what is missing before the source is asked for anything.
    async fn make_ready(&self, request: &Request, loader: &Request, tell: Tell<'_>) -> Result<(), Error> {
        let meltano = &self.world.meltano;
        if meltano.is_ready(request) && meltano.is_ready(loader) {
            return Ok(());
        }
        tell(Event::Preparing { slug: self.integration.slug.clone() });
        let mut interrupt = self.options.interrupt.clone();
        meltano.make_ready(request, &mut interrupt).await?;
        meltano.make_ready(loader, &mut interrupt).await.map_err(|source| match source {
            RunError::Install(InstallError::Interrupted) => self.interrupted(),
            source => PreviewError::NoDuckDb { source: Box::new(source) },
        })?;
        Ok(())
    }

    /// Reads the source. Nothing else runs the tap meanwhile, because Meltano gives a tap its catalog in a file that is
    /// named after the plugin only.
    async fn read(&self, request: &Request) -> Result<Preview, Error> {
        let request = Request { hold: Some(self.hold(request)?), ..request.clone() };
        let mut interrupt = self.options.interrupt.clone();
        let read = self.world.meltano.first_records(&request, self.options.records, &mut interrupt).await?;
        match read.outcome {
            Outcome::Succeeded => Ok(Preview::read(&read.messages)),
            Outcome::Interrupted => Err(self.interrupted().into()),
            Outcome::TimedOut { after } => Err(self.timed_out(after).into()),
            Outcome::Failed { message, cause } => {
                let (slug, help) = (self.integration.slug.clone(), help(cause, &self.integration.slug, self.log));
                Err(PreviewError::Failed { slug, message, help }.into())
            }
        }
    }

    fn hold(&self, request: &Request) -> Result<Arc<Hold>, Error> {
        let plugins = vec![request.extractor.clone()];
        let held = self.world.meltano.hold(self.run, &request.environment, plugins);
        held.map_err(|refused| match refused {
            NotHeld::Failed(error) => error.into(),
            NotHeld::Busy(other) => PreviewError::Busy {
                slug: self.integration.slug.clone(),
                run: other.run,
                process: other.process.id.to_string(),
            }
            .into(),
        })
    }

    async fn load(&self, loader: &Request, messages: &str) -> Result<(), Error> {
        let mut interrupt = self.options.interrupt.clone();
        let error = match self.world.meltano.load(loader, messages, &mut interrupt).await?.outcome {
            Outcome::Succeeded => return Ok(()),
            Outcome::Interrupted => self.interrupted(),
            Outcome::TimedOut { after } => self.timed_out(after),
            Outcome::Failed { message, .. } => {
                PreviewError::NotLoaded { slug: self.integration.slug.clone(), message, log: self.log.to_owned() }
            }
        };
        Err(error.into())
    }

    fn interrupted(&self) -> PreviewError {
        PreviewError::Interrupted { slug: self.integration.slug.clone() }
    }

    fn timed_out(&self, after: Duration) -> PreviewError {
        PreviewError::TimedOut { slug: self.integration.slug.clone(), seconds: after.as_secs() }
    }
}

/// Removes a DuckDB file, and the journal that DuckDB has beside it while it writes.
fn remove(own: &OwnFolder, place: &Path) -> std::io::Result<()> {
    own.remove(place)?;
    own.remove(place.with_added_extension("wal"))
}
