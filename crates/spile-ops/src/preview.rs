//! `sync --preview`: reads the first records of each stream into a file of its own, and shows them.
//!
//! Separate from runs, because a preview is none: see the module `probe`.

mod error;
mod scratch_loader;
mod under_contract;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::discover::help;
use super::probe::{Probe, ProbeOptions};
use super::run::{CANNOT_SELECT, LOADER};
use super::secrets::rotated;
use super::{Error, Event, Loaded, Tell};
use spile_core::connector::Role;
use spile_core::discovered::can_select;
use spile_core::integration::Integration;
use spile_core::name::Slug;
use spile_core::run::preview::Preview;
use spile_world::World;
use spile_world::files::io_error::IoError;
use spile_world::files::own_folder::OwnFolder;
use spile_world::files::project::OWN_FOLDER;
use spile_world::processes::meltano::{Hold, InstallError, NotHeld, Outcome, Request, RunError};

pub use error::Error as PreviewError;

/// The folder of the files, in spile's own folder.
const FOLDER: &str = "preview";

/// What to read, and how much.
#[derive(Debug, Clone)]
pub struct Options {
    /// What is read.
    pub probe: ProbeOptions,
    /// How many records of each stream.
    pub records: u32,
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
    /// What has changed in the source, and is left out because nobody has accepted it.
    pub left_out: Option<String>,
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
    refuse(integration, &options.probe)?;
    let probe = Probe::new(world, loaded, integration, &options.probe, FOLDER, tell).await?;
    let reader = Reader { probe, records: options.records };
    let done = reader.preview(tell).await;
    reader.probe.keep_logs();
    done
}

/// Refuses what has no streams, and what a preview would show otherwise than a sync moves it.
fn refuse(integration: &Integration, options: &ProbeOptions) -> Result<(), Error> {
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

/// One preview.
struct Reader<'a> {
    probe: Probe<'a>,
    records: u32,
}

impl Reader<'_> {
    async fn preview(&self, tell: Tell<'_>) -> Result<Previewed, Error> {
        let Probe { world, loaded, integration, .. } = &self.probe;
        let mut request = self.probe.request().await?;
        let place = Path::new(FOLDER).join(format!("{}.duckdb", integration.slug));
        let file = Path::new(OWN_FOLDER).join(&place);
        let loader = scratch_loader::request(&request, loaded, &file)?;
        self.make_ready(&request, &loader, tell).await?;
        let part = under_contract::limit(&self.probe, &mut request, tell).await?;
        let is_empty = part.as_ref().is_some_and(|part| part.is_empty);
        let left_out = part.map(|part| part.sentence);
        tell(Event::Previewing { slug: self.slug() });
        // Many taps fail if no stream is selected.
        let preview = if is_empty { Ok(Preview::default()) } else { self.read(&request).await };
        rotated::send_soon(world, &self.probe.options.environment).await;
        let preview = preview?;
        let own = world.project.own().make().map_err(IoError::of("use", OWN_FOLDER))?;
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
        Ok(Previewed { integration: (*integration).clone(), file: has_tables.then_some(file), preview, left_out })
    }

    /// Installs what is missing before the source is asked for anything.
    async fn make_ready(&self, request: &Request, loader: &Request, tell: Tell<'_>) -> Result<(), Error> {
        let meltano = &self.probe.world.meltano;
        if meltano.is_ready(request) && meltano.is_ready(loader) {
            return Ok(());
        }
        tell(Event::Preparing { slug: self.slug() });
        let mut interrupt = self.probe.options.interrupt.clone();
        meltano.make_ready(request, &mut interrupt).await?;
        meltano.make_ready(loader, &mut interrupt).await.map_err(|source| match source {
            RunError::Install(InstallError::Interrupted) => self.interrupted(),
            source => PreviewError::NoDuckDb { source: Box::new(source) },
        })?;
        Ok(())
    }

    /// Reads the source. Nothing else runs the tap meanwhile.
    async fn read(&self, request: &Request) -> Result<Preview, Error> {
        let request = Request { hold: Some(self.hold(request)?), ..request.clone() };
        let mut interrupt = self.probe.options.interrupt.clone();
        let read = self.probe.world.meltano.first_records(&request, self.records, &mut interrupt).await?;
        match read.outcome {
            Outcome::Succeeded => Ok(Preview::read(&read.messages)),
            Outcome::Interrupted => Err(self.interrupted().into()),
            Outcome::TimedOut { after } => Err(self.timed_out(after).into()),
            Outcome::Failed { message, cause } => {
                let (slug, help) = (self.slug(), help(cause, &self.slug(), &self.probe.log));
                Err(PreviewError::Failed { slug, message, help }.into())
            }
        }
    }

    fn hold(&self, request: &Request) -> Result<Arc<Hold>, Error> {
        self.probe.hold(request).map_err(|refused| match refused {
            NotHeld::Failed(error) => error.into(),
            NotHeld::Busy(other) => {
                PreviewError::Busy { slug: self.slug(), run: other.run, process: other.process.id.to_string() }.into()
            }
        })
    }

    async fn load(&self, loader: &Request, messages: &str) -> Result<(), Error> {
        let mut interrupt = self.probe.options.interrupt.clone();
        let error = match self.probe.world.meltano.load(loader, messages, &mut interrupt).await?.outcome {
            Outcome::Succeeded => return Ok(()),
            Outcome::Interrupted => self.interrupted(),
            Outcome::TimedOut { after } => self.timed_out(after),
            Outcome::Failed { message, .. } => {
                PreviewError::NotLoaded { slug: self.slug(), message, log: self.probe.log.clone() }
            }
        };
        Err(error.into())
    }

    fn slug(&self) -> Slug {
        self.probe.integration.slug.clone()
    }

    fn interrupted(&self) -> PreviewError {
        PreviewError::Interrupted { slug: self.slug() }
    }

    fn timed_out(&self, after: Duration) -> PreviewError {
        PreviewError::TimedOut { slug: self.slug(), seconds: after.as_secs() }
    }
}

/// Removes a DuckDB file, and the journal that DuckDB has beside it while it writes.
fn remove(own: &OwnFolder, place: &Path) -> std::io::Result<()> {
    own.remove(place)?;
    own.remove(place.with_added_extension("wal"))
}
