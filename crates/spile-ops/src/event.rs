//! Progress that operations report.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use spile_core::name::{ChannelName, Slug};
use spile_core::plan::Summary;
use spile_core::record::Target;
use spile_core::run::refresh::Unfinished;
use spile_core::run::{Run, RunKind};

/// An event that an operation reports while it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Meltano is being installed.
    InstallingMeltano {
        /// Its version.
        version: String,
    },
    /// The hub is being asked for its definitions.
    AskingHub {
        /// How many it has.
        definitions: usize,
    },
    /// A tap or target is being installed for a moment, and asked what it takes.
    AskingPlugin {
        /// What pip installs.
        requirement: String,
    },
    /// The plugins of an integration are being installed, or Meltano's database is being made.
    Preparing {
        /// The integration.
        slug: Slug,
    },
    /// A source is being asked what it offers.
    Discovering {
        /// The integration.
        slug: Slug,
    },
    /// A source and its destination are being compared.
    Comparing {
        /// The integration.
        slug: Slug,
    },
    /// A run waits for its turn: for a place, or until Meltano is installed.
    Queued(Box<Run>),
    /// A run has begun.
    Began {
        /// The integration.
        slug: Slug,
        /// `test` or `sync`.
        kind: RunKind,
        /// Its id.
        run: Uuid,
    },
    /// Records of a stream have been counted, in all.
    Records {
        /// The integration.
        slug: Slug,
        /// The stream.
        stream: String,
        /// How many so far.
        records: u64,
    },
    /// Something else runs the integration: this run waits until that has ended.
    Waiting {
        /// The integration.
        slug: Slug,
        /// Who runs it, as a sentence.
        busy: String,
    },
    /// Something else runs the integration: this run is left for later.
    Left {
        /// The integration.
        slug: Slug,
        /// Who runs it, as a sentence.
        busy: String,
    },
    /// A run failed for a reason that may pass, and is tried again.
    Retrying {
        /// The integration.
        slug: Slug,
        /// What went wrong.
        reason: String,
        /// How long is waited.
        after: Duration,
    },
    /// A run has ended.
    Ended(Box<Run>),
    /// A target has been written.
    WroteTarget(Target),
    /// An output has been written.
    WroteOutput(PathBuf),
    /// All changes of a plan have been written, and are there.
    Applied(Summary),
    /// `up` has nothing to apply any more: tests and syncs follow, which an interrupt stops.
    StartingRuns,
    /// A channel was notified.
    Notified {
        /// The channel.
        channel: ChannelName,
        /// Of what.
        title: String,
        /// And of how many more.
        more: usize,
    },
    /// A channel was not notified, or not as it should be.
    NotNotified {
        /// The channel.
        channel: ChannelName,
        /// What went wrong.
        message: String,
        /// The next step.
        help: Option<String>,
    },
    /// The files of the project have changed, and are used from now on.
    Reread {
        /// How many integrations they declare.
        integrations: usize,
    },
    /// The files of the project are wrong now: what they said before is used until they are fixed.
    NotReread {
        /// What is wrong, a line each.
        problems: Vec<String>,
    },
    /// Something that alerts or schedules are told from could not be looked at; that is tried again.
    Unseen {
        /// What went wrong.
        message: String,
        /// The next step.
        help: Option<String>,
    },
    /// A run goes on with a full refresh that broke off.
    ResumedRefresh {
        /// The integration.
        slug: Slug,
        /// Which, and what it has left.
        unfinished: Unfinished,
    },
    /// A run goes on from the bookmarks that another machine left.
    TookBookmark {
        /// The integration.
        slug: Slug,
        /// The other machine.
        host: String,
        /// When it left them.
        at: Timestamp,
    },
    /// The registry was given the bookmarks that this machine had.
    CopiedBookmark {
        /// The integration.
        slug: Slug,
    },
    /// Bookmarks followed a rename.
    MovedState {
        /// The integration.
        slug: Slug,
        /// The state id it had.
        from: String,
        /// The state id it has.
        to: String,
    },
}

/// Where an operation reports its events.
pub type Tell<'a> = &'a mut (dyn FnMut(Event) + Send);
