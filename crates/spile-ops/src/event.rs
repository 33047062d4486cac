//! Progress that operations report.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use spile_core::name::{ChannelName, Slug};
use spile_core::plan::Summary;
use spile_core::record::Target;
use spile_core::run::preview::Preview;
use spile_core::run::refresh::Unfinished;
use spile_core::run::{Run, RunKind, TimeRange};
use spile_core::state::choice::StreamChoice;

/// An event that an operation reports while it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// What an apply chose for streams was done to their bookmarks.
    Chose {
        /// The integration.
        slug: Slug,
        /// What was chosen.
        what: StreamChoice,
        /// The record in the history of bookmarks.
        change: Uuid,
    },
    /// Meltano is being installed.
    InstallingMeltano {
        /// Its version.
        version: String,
    },
    /// The packages of a plugin are being resolved.
    Locking {
        /// The plugin, or `meltano`.
        name: String,
    },
    /// The files of a lock are being downloaded.
    Downloading {
        /// The plugin, or `meltano`.
        name: String,
    },
    /// The hub is being asked for its definitions.
    AskingHub {
        /// How many it has.
        definitions: usize,
    },
    /// A tap or target is being installed temporarily, and asked for its definition.
    AskingPlugin {
        /// The requirement that pip installs.
        requirement: String,
    },
    /// The plugins of an integration are being installed, or Meltano's database is being created.
    Preparing {
        /// The integration.
        slug: Slug,
    },
    /// A source is being asked what it offers.
    Discovering {
        /// The integration.
        slug: Slug,
    },
    /// A test has its connector installed, and starts it.
    Connecting {
        /// The integration.
        slug: Slug,
    },
    /// The tap of a test has begun to write.
    Reading {
        /// The integration.
        slug: Slug,
    },
    /// A test has read a record.
    ReadRecord {
        /// The integration.
        slug: Slug,
        /// The record with its stream, masked; no stream if the source is empty.
        preview: Preview,
    },
    /// The first records of a source are being read.
    Previewing {
        /// The integration.
        slug: Slug,
    },
    /// A source is being read several times, to certify its connector.
    Certifying {
        /// The integration.
        slug: Slug,
    },
    /// A source and its destination are being compared.
    Comparing {
        /// The integration.
        slug: Slug,
    },
    /// A run waits for a free slot, or until Meltano is installed.
    Queued(Box<Run>),
    /// A run has started.
    Began {
        /// The integration.
        slug: Slug,
        /// `test` or `sync`.
        kind: RunKind,
        /// Its id.
        run: Uuid,
    },
    /// Records of a stream have been counted.
    Records {
        /// The integration.
        slug: Slug,
        /// The stream.
        stream: String,
        /// The total so far.
        records: u64,
    },
    /// Another run is using the integration. This run waits until that has ended.
    Waiting {
        /// The integration.
        slug: Slug,
        /// Which run it is, as a sentence.
        busy: String,
    },
    /// Another run is using the integration. This run is left for later.
    Left {
        /// The integration.
        slug: Slug,
        /// Which run it is, as a sentence.
        busy: String,
    },
    /// A run failed for a reason that may be temporary, and will be retried.
    Retrying {
        /// The integration.
        slug: Slug,
        /// What went wrong.
        reason: String,
        /// How long it waits before the retry.
        after: Duration,
    },
    /// A run has ended.
    Ended(Box<Run>),
    /// A target has been written.
    WroteTarget(Target),
    /// An output has been written.
    WroteOutput(PathBuf),
    /// All changes of a plan have been written and confirmed.
    Applied(Summary),
    /// `up` has finished applying. Tests and syncs follow, which an interrupt stops.
    StartingRuns,
    /// A channel was notified.
    Notified {
        /// The channel.
        channel: ChannelName,
        /// The title of the first message.
        title: String,
        /// How many more messages it got.
        more: usize,
    },
    /// A channel was not notified, or not fully.
    NotNotified {
        /// The channel.
        channel: ChannelName,
        /// What went wrong.
        message: String,
        /// The next step.
        help: Option<String>,
    },
    /// The files of the project have changed. The new content is used from now on.
    Reread {
        /// How many integrations they declare.
        integrations: usize,
    },
    /// The files of the project are invalid now. Their last valid content is used until they are fixed.
    NotReread {
        /// The problems, one line each.
        problems: Vec<String>,
    },
    /// Something that alerts or schedules depend on could not be read. Reading it will be retried.
    Unseen {
        /// What went wrong.
        message: String,
        /// The next step.
        help: Option<String>,
    },
    /// A piece of a backfill comes next.
    Piece {
        /// The integration.
        slug: Slug,
        /// Its number, from 1.
        number: usize,
        /// How many there are.
        of: usize,
        /// What it reads.
        range: TimeRange,
    },
    /// A run goes on with a full refresh that broke off.
    ResumedRefresh {
        /// The integration.
        slug: Slug,
        /// Which refresh, and what it has left.
        unfinished: Unfinished,
    },
    /// A run continues from the bookmarks that another machine stored.
    TookBookmark {
        /// The integration.
        slug: Slug,
        /// The other machine.
        host: String,
        /// When it stored them.
        at: Timestamp,
    },
    /// The bookmarks of this machine were copied to the registry.
    CopiedBookmark {
        /// The integration.
        slug: Slug,
    },
    /// Bookmarks were moved after a rename.
    MovedState {
        /// The integration.
        slug: Slug,
        /// The old state id.
        from: String,
        /// The new state id.
        to: String,
    },
}

/// Where an operation reports its events.
pub type Tell<'a> = &'a mut (dyn FnMut(Event) + Send);
