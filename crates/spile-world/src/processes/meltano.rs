//! The pinned Meltano of a project: installs it, and runs it for one integration at a time.
//!
//! Separate from everything else, because only this module starts Meltano and, through it, the plugins. Each invocation
//! sees a private `meltano.yml` with only what it needs, so it starts as fast in a large project as in a small one. It
//! shares `.meltano` (plugin environments, state, catalogs) with the user's own `meltano run`.

mod about;
mod answer;
mod baked;
mod batches;
mod bookmarks;
mod call;
mod certify;
mod child;
mod compare;
mod database;
mod discover;
mod error;
mod extractor_lock;
mod fill;
mod fork;
mod host;
mod install;
mod kept_state;
mod leftovers;
mod line;
mod listener;
mod liveness;
mod loader_test;
mod locks;
mod mask;
mod outside_variables;
mod part;
mod plugins;
mod preview;
mod request;
mod resolve;
mod rotation;
mod run_folder;
mod run_log;
mod system_db;
mod venv;
mod warm;
mod wheelhouse;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use tokio::process::Command;
use tokio::sync::watch;

use crate::files::own_folder::Own;
use crate::files::project::own_folder_of;
use crate::files::state_folder;
use crate::processes::child_environment::withheld_in;
use call::Call;
use child::{Channel, ChildEnd, Limits, Lost};
use listener::Listener;
use mask::Mask;
use rotation::{NotKept, RotationWatch};
use run_folder::Private;
use spile_core::run::Details;
use spile_core::settings::{Meltano as Pinned, ProjectSettings, RunEnvironment};

pub use about::{About, AboutError, AboutQuestion};
pub use batches::Transport;
pub use bookmarks::{Backend, Bookmarks, Elsewhere, IsHosted, Missing};
pub use certify::Reads;
pub use compare::{Comparison, Question};
pub use discover::Discovery;
pub use error::{InstallError, RunError};
pub use extractor_lock::{Hold, NotHeld};
pub use host::{Host, Python};
pub use kept_state::{Database, LocalWrite};
pub use locks::lock_path;
pub use outside_variables::{DOTENV, Given, dotenv};
pub use part::RunPart;
pub use preview::FirstRecords;
pub use request::{Catalog, Finished, Mapper, Outcome, Progress, Request, Reset, Span, Surroundings};
pub use resolve::ToResolve;
pub use rotation::RotatingSecrets;
pub use run_folder::Holder;
pub use run_log::{SharedLog, before as log_before, keep_logs};
pub use spile_core::run::log::CatalogFacts;
pub use warm::Warm;

/// Hears how a run gets on.
pub type Tell<'a> = &'a mut (dyn FnMut(Progress) + Send);

/// The pinned Meltano of a project.
#[derive(Debug, Clone)]
pub struct Meltano {
    root: PathBuf,
    /// spile's own folder.
    own: Own,
    /// Meltano's own folder.
    theirs: Own,
    venv: PathBuf,
    pinned: Pinned,
    run_environment: RunEnvironment,
    has_relay: bool,
    forks: bool,
}

impl Meltano {
    /// Names the Meltano version that a project is pinned to. Nothing is read or created.
    #[must_use]
    pub fn new(project_root: &Path, settings: &ProjectSettings) -> Self {
        let root = std::path::absolute(project_root).unwrap_or_else(|_| project_root.to_owned());
        let own_folder = own_folder_of(&root);
        let (own, theirs) = (Own::at(&own_folder), Own::of_meltano(&state_folder::of(&root)));
        let (pinned, run_environment) = (settings.meltano.clone(), settings.run.clone());
        let (venv, has_relay) = (own_folder.join(install::VENV), settings.sync.relay);
        let forks = settings.sync.warm;
        Self { root, own, theirs, venv, pinned, run_environment, has_relay, forks }
    }

    /// Returns the version that the project is pinned to.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.pinned.version
    }

    /// Tests an extractor's connection by reading one record, which is discarded.
    ///
    /// # Errors
    /// When Meltano cannot be started or the log cannot be written. A failed connection is an outcome, not an error.
    pub async fn test(&self, request: &Request, interrupt: &mut watch::Receiver<bool>) -> Result<Finished, RunError> {
        let arguments = ["config", "test", &request.extractor].map(str::to_owned);
        Ok(self.invoke(request, &arguments, interrupt, &mut |_| ()).await?.0)
    }

    /// Moves records from the extractor to the loader.
    ///
    /// # Errors
    /// When Meltano cannot be started or the log cannot be written. A failed run is an outcome, not an error.
    pub async fn run(
        &self,
        request: &Request,
        interrupt: &mut watch::Receiver<bool>,
        tell: Tell<'_>,
    ) -> Result<Finished, RunError> {
        let mut arguments =
            ["run", "--no-install", "--run-id", &request.run_id.to_string()].map(str::to_owned).to_vec();
        if request.span == Span::Everything {
            arguments.push("--full-refresh".to_owned());
        }
        if let Some(suffix) = request.state_suffix.map(str::to_owned).or(request.part.as_ref().map(RunPart::suffix)) {
            arguments.extend(["--state-id-suffix".to_owned(), suffix]);
        }
        arguments.push(request.extractor.clone());
        arguments.extend(request.mappers.iter().map(|mapper| mapper.mapping.clone()));
        arguments.extend(request.loader.clone());
        Ok(self.invoke(request, &arguments, interrupt, tell).await?.0)
    }

    /// Opens the log of a run.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn log(&self, request: &Request) -> Result<SharedLog, RunError> {
        SharedLog::open(&self.own, &request.log)
    }

    /// Moves the bookmarks of one state id to another. Does nothing if there are none.
    ///
    /// # Errors
    /// When Meltano cannot be started or does not move them.
    pub async fn move_state(
        &self,
        request: &Request,
        from: &str,
        to: &str,
        interrupt: &mut watch::Receiver<bool>,
    ) -> Result<(), RunError> {
        let arguments = ["state", "move", "--force", from, to].map(str::to_owned);
        let (finished, _) = self.invoke(&request.without_secrets(), &arguments, interrupt, &mut |_| ()).await?;
        let reason = match finished.outcome {
            Outcome::Succeeded => return Ok(()),
            Outcome::Failed { message, .. } if message.contains("singer_state not found") => return Ok(()),
            Outcome::Failed { message, .. } => message,
            Outcome::TimedOut { .. } => "it took too long".to_owned(),
            Outcome::Interrupted => "it was stopped".to_owned(),
        };
        Err(RunError::State { from: from.to_owned(), to: to.to_owned(), reason })
    }

    /// Runs Meltano, and returns its outcome and the last lines of its log.
    async fn invoke<'a>(
        &self,
        request: &Request,
        call: impl Into<Call<'a>>,
        interrupt: &mut watch::Receiver<bool>,
        tell: Tell<'_>,
    ) -> Result<(Finished, Vec<String>), RunError> {
        let mut call = call.into();
        if !self.is_installed() {
            return Err(RunError::NotInstalled { version: self.version().to_owned() });
        }
        // Programs from this folder are run, so it must belong to this user.
        self.theirs.make().map_err(RunError::io("use", self.theirs.path()))?;
        let hold = self.held(request)?;
        let private = hold.private();
        self.fill(private, request)?;
        if let Some(lock) = call.lock {
            locks::give_lock(private, lock)?;
        }
        let mut command = self.command(request, &call, private)?;
        let mask = self.mask(request).map_err(RunError::io("mask secrets in", &request.log))?;
        let mut listener = Listener::open(&self.own, request, mask, tell)?;
        let watch = RotationWatch::start(request, private, &self.own, &self.theirs);
        listener.rotation = watch.map_err(RunError::io("write", private.folder()))?;
        let input = private.lock(call.input).map_err(RunError::io("lock", private.folder()))?;
        let forked = self.fork(request, &command, &input, interrupt).await;
        if let Some(note) = forked.note {
            listener.hear(note.as_bytes()).map_err(|source| RunError::Log { path: request.log.clone(), source })?;
        }
        command.stdin(input);
        let limits = Limits { timeout: request.timeout, interrupt, pieces: call.pieces() };
        let mut hear = |channel, line: &[u8]| match (&mut call.output, channel) {
            (Some(output), Channel::Output) => output.take(line),
            (Some(_) | None, _) => listener.hear(line),
        };
        let ended = match forked.process {
            Some(process) => child::follow_process(process, limits, &mut hear).await,
            None => child::follow(command, limits, &mut hear).await,
        };
        // Before anything is removed, and before the run counts as ended.
        let kept = listener.keep_rotated().map_err(|why| match why {
            NotKept::Lost { name, why } => RunError::RotatedLost { plugin: request.extractor.clone(), name, why },
            NotKept::Io(source) => RunError::io("keep rotated secrets in", self.own.path())(source),
        });
        if let Some(output) = call.output {
            output.strike(&listener.mask);
        }
        if !matches!(&ended, Ok(ChildEnd::Exited(status)) if status.success()) {
            self.clear_up(request)?;
        }
        batches::clear(private).map_err(RunError::io("clear", private.folder()))?;
        self.strike(request, &listener.mask)?;
        kept?;
        drop(hold);
        let outcome = match ended {
            Ok(ChildEnd::Exited(status)) => listener.outcome(status),
            Ok(ChildEnd::TimedOut) => Outcome::TimedOut { after: request.timeout.unwrap_or_default() },
            Ok(ChildEnd::Interrupted) => Outcome::Interrupted,
            Err(Lost::Start(source)) => return Err(RunError::io("start", &self.python())(source)),
            Err(Lost::Hearing(source)) => return Err(RunError::Log { path: request.log.clone(), source }),
        };
        let streams = listener.tally.streams();
        let (before, after) = listener.tally.bookmarks();
        let (bookmark_before, bookmark_after) = (before.cloned(), after.cloned());
        let records = streams.values().sum();
        let details = Details { failed: listener.tally.failed(), ..listener.tally.details().clone() };
        let catalog = listener.tally.catalog().clone();
        let indivisible = listener.tally.indivisible().map(str::to_owned);
        let finished =
            Finished { outcome, records, streams, bookmark_before, bookmark_after, details, catalog, indivisible };
        Ok((finished, listener.last.into()))
    }

    /// Returns the mask for all output of the run. It covers the run's secrets and those in spile's own environment.
    fn mask(&self, request: &Request) -> io::Result<Mask> {
        let own = request.host.environment.secrets(&self.run_environment);
        let broker = request.bookmarks.as_ref().and_then(|bookmarks| bookmarks.broker.as_ref());
        let token = broker.map(|broker| broker.token());
        Mask::of(request.variables.values().chain(&request.masked).chain(&own).chain(token))
    }

    /// Finishes the work of a Meltano that was killed: marks its run as ended, and deletes the settings of its plugins.
    fn clear_up(&self, request: &Request) -> Result<(), RunError> {
        let folder = self.meltano_folder();
        let Ok(Some(theirs)) = self.theirs.open() else { return Ok(()) };
        system_db::end(&theirs, request.run_id).map_err(RunError::io("write", &folder.join(system_db::FILE)))?;
        let run = request.run_id.to_string();
        run_folder::clear(&theirs, &request.plugin_names(), |of| of == run).map_err(RunError::io("clear", &folder))
    }

    /// Removes secrets from what Meltano keeps of a run: its record of the run, and the files of its plugins.
    fn strike(&self, request: &Request, mask: &Mask) -> Result<(), RunError> {
        let folder = self.meltano_folder();
        let Ok(Some(theirs)) = self.theirs.open() else { return Ok(()) };
        let struck = system_db::strike(&theirs, request.run_id, mask);
        struck.map_err(RunError::io("write", &folder.join(system_db::FILE)))?;
        let folder = folder.join("run");
        leftovers::remove(&folder, &request.plugin_names(), mask).map_err(RunError::io("clear", &folder))
    }

    /// Returns which of these variables Meltano would not find when it inserts them into settings.
    ///
    /// # Errors
    /// When the project's `.env` cannot be read.
    pub fn missing(&self, request: &Request, names: BTreeSet<String>) -> Result<Vec<String>, RunError> {
        let dotenv = self.dotenv()?.unwrap_or_default();
        let given = Given::new(&request.project_file, &dotenv, &request.host.environment, &self.run_environment);
        let plugins = request.plugin_names();
        let is_there = |name: &String| {
            given.has(name, &plugins) || request.variables.contains_key(name) || request.settings.contains_key(name)
        };
        Ok(names.into_iter().filter(|name| !is_there(name)).collect())
    }

    /// Reads the project's `.env`, which Meltano reads itself; `None` if it does not exist.
    fn dotenv(&self) -> Result<Option<String>, RunError> {
        dotenv(&self.root).map_err(|why| RunError::io("read", &self.root.join(DOTENV))(why.into()))
    }

    /// Returns the command. Only its owner can read the files that it creates, because Meltano writes plugin settings
    /// with secrets to files. No argument contains a secret.
    fn command(&self, request: &Request, call: &Call<'_>, private: &Private) -> Result<Command, RunError> {
        let run = &self.run_environment;
        let mut command = Command::from(request.host.environment.command("/bin/sh", run));
        // std cannot set a umask, so a shell does it and then replaces itself.
        command.args(["-c", "umask 077; exec \"$0\" \"$@\""]).arg(self.python()).arg(private.path("launch.py"));
        // The process that must live for the run to continue. If `launch.py` asked for its parent, that could already be
        // the process that adopted it.
        command.arg(std::process::id().to_string()).arg(request.catalog.word());
        command.arg("--log-config").arg(private.path("logging.yml"));
        command.args(["--environment", &request.environment]);
        if let Some(text) = self.dotenv()? {
            command.arg("--env-file").arg(self.root.join(DOTENV));
            // A set variable takes precedence over the assignment in `.env`.
            command.envs(withheld_in(&text, run).into_iter().map(|name| (name, "")));
        }
        if request.host.environment.passed("HOME", run).is_none() {
            // A user of a container may have no home, and Python programs look for their caches there.
            command.env("HOME", private.folder());
        }
        for name in &request.hidden {
            command.env_remove(name);
        }
        if request.span == Span::Everything {
            // Otherwise the new bookmarks would be merged into the old ones. If the run were interrupted, the next one
            // would continue from the old bookmarks of all streams that had not been read yet.
            command.env("MELTANO_RUN_STATE_STRATEGY", "overwrite");
        }
        for (name, secret) in &request.variables {
            command.env(name, secret.expose());
        }
        command
            .args(call.arguments)
            .envs(&request.settings)
            .envs(request.bookmarks.as_ref().and_then(Bookmarks::variable))
            .current_dir(&self.root)
            .env("PATH", self.path(&request.host))
            .env("MELTANO_PROJECT_ROOT", private.folder())
            .env("MELTANO_SYS_DIR_ROOT", self.meltano_folder())
            .env("MELTANO_SEND_ANONYMOUS_USAGE_STATS", "false")
            .env("PYTHONWARNINGS", "ignore")
            // Meltano keeps an unmasked copy of the plugins' output here forever. In the run's folder, it is removed
            // with the run.
            .env("XDG_STATE_HOME", private.folder())
            .env("NO_COLOR", "1");
        Ok(command)
    }

    /// Returns the path with Meltano's own programs first, as in an activated environment, because it installs plugins
    /// with the uv there.
    fn path(&self, host: &Host) -> OsString {
        let mut path = self.venv.join("bin").into_os_string();
        if !host.path.is_empty() {
            path.push(":");
            path.push(&host.path);
        }
        path
    }

    fn python(&self) -> PathBuf {
        self.venv.join("bin/python")
    }

    fn runs_folder(&self) -> PathBuf {
        self.own.path().join(run_folder::RUNS)
    }

    fn meltano_folder(&self) -> PathBuf {
        self.theirs.path().to_owned()
    }
}
