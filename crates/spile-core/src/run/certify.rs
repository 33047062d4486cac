//! Certifies a tap: what its reads delivered, and the grade that follows from that.
//!
//! Pure: `spile_world` reads the tap once to its end, and again up to some of its states, from each of which it is started
//! once more. Singer promises that every record arrives at least once, so records that a restarted tap repeats are not lost
//! ones: they only matter where nothing merges them.

mod findings;
mod measured;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::name::{EnvironmentName, Slug};

pub use findings::findings;
pub use measured::{Batched, BatchedStream, Continued, Measured, MeasuredStream, Restart, Sample, WrongType};

/// A grade, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Grade {
    /// Nothing is lost, and a restart repeats no more than the last records.
    A,
    /// Nothing is lost, but there is something to know.
    B,
    /// Nothing is lost, but the tap cannot continue, or records cannot be told apart.
    C,
    /// Keys, types or the catalog are wrong.
    D,
    /// A restart loses records or fails.
    F,
}

impl Grade {
    /// Returns its letter.
    #[must_use]
    pub fn letter(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
            Self::D => "D",
            Self::F => "F",
        }
    }

    /// Returns what it means, as a clause.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::A => "loses nothing, and repeats only the last records after a restart",
            Self::B => "loses nothing, with remarks",
            Self::C => "loses nothing, but reads everything again or has records without a key",
            Self::D => "has wrong keys, types or catalogs",
            Self::F => "loses records or cannot continue after a restart",
        }
    }

    /// Tells whether the tap keeps what Singer promises.
    #[must_use]
    pub fn is_passed(self) -> bool {
        self <= Self::C
    }
}

/// What was found out about a tap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Records are lost in a restart.
    Lost,
    /// The tap fails when it is started from its own state.
    CannotContinue,
    /// Records are missing from batches.
    BatchLost,
    /// Two discoveries differ.
    UnstableDiscovery,
    /// Records lack a value of their key.
    NullKey,
    /// Several records of one read have the same key.
    RepeatedKey,
    /// Values have a type that the schema does not declare.
    WrongType,
    /// Records come before their schema.
    WithoutSchema,
    /// The tap writes no state, or takes none.
    NoState,
    /// A stream has no key.
    NoKey,
    /// A restart repeats records from before the bookmark.
    RepeatsEarlier,
    /// Records have fields that the schema does not declare.
    Undeclared,
    /// Records are not in the order of their replication key.
    OutOfOrder,
    /// A second read ended before it came to a state of the first.
    MissedState,
    /// The tap fails when it writes batches, or writes into them what is not selected.
    CannotBatch,
    /// The tap writes no batches, although its definition says so.
    NoBatch,
    /// A restart repeats the records with the bookmark's own value.
    RepeatsLast,
    /// A stream without a replication key starts again from its beginning.
    StartsOver,
    /// A stream had no records, so nothing is known about it.
    Empty,
    /// The tap cannot be asked for its streams.
    NoDiscovery,
}

impl Kind {
    /// Returns the best grade of a tap with this finding.
    #[must_use]
    pub fn grade(self) -> Grade {
        match self {
            Self::Lost | Self::CannotContinue | Self::BatchLost => Grade::F,
            Self::UnstableDiscovery | Self::NullKey | Self::RepeatedKey | Self::WrongType | Self::WithoutSchema => {
                Grade::D
            }
            Self::NoState | Self::NoKey => Grade::C,
            Self::RepeatsEarlier
            | Self::Undeclared
            | Self::OutOfOrder
            | Self::MissedState
            | Self::CannotBatch
            | Self::NoBatch => Grade::B,
            Self::RepeatsLast | Self::StartsOver | Self::Empty | Self::NoDiscovery => Grade::A,
        }
    }
}

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Its kind.
    pub kind: Kind,
    /// The best grade of a tap with this finding.
    pub grade: Grade,
    /// The stream, if it is about one.
    pub stream: Option<String>,
    /// A clause about the stream or the tap.
    pub message: String,
    /// The keys of some records that it is about.
    pub examples: Vec<String>,
}

/// The plugin that was certified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertifiedPlugin {
    /// Its name.
    pub name: String,
    /// What pip installed.
    pub pip_url: String,
}

/// The number of records of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamCount {
    /// The stream.
    pub stream: String,
    /// How many records it had.
    pub records: u64,
}

/// The result for a connector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The connector.
    pub connector: String,
    /// Its plugin.
    pub plugin: CertifiedPlugin,
    /// The integration whose source was read.
    pub integration: Slug,
    /// The environment.
    pub environment: EnvironmentName,
    /// When it was certified.
    pub certified_at: Timestamp,
    /// The grade.
    pub grade: Grade,
    /// How many different states the tap wrote.
    pub states: u64,
    /// How many restarts were tried.
    pub restarts: u64,
    /// The streams that were read.
    pub streams: Vec<StreamCount>,
    /// The reasons for the grade, worst first.
    pub findings: Vec<Finding>,
}

/// What a certificate is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The connector.
    pub connector: String,
    /// Its plugin.
    pub plugin: CertifiedPlugin,
    /// The integration whose source was read.
    pub integration: Slug,
    /// The environment.
    pub environment: EnvironmentName,
    /// When it was certified.
    pub certified_at: Timestamp,
}

/// Two answers of a tap to the question what its source offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Discoveries {
    /// They are equal.
    Equal,
    /// These streams differ, or are in one of them only.
    Different(Vec<String>),
    /// The tap cannot be asked.
    Unsupported,
}

impl Certificate {
    /// Grades what was measured.
    #[must_use]
    pub fn of(subject: Subject, measured: &Measured, discoveries: &Discoveries) -> Self {
        let Subject { connector, plugin, integration, environment, certified_at } = subject;
        let findings = findings(measured, discoveries);
        let count = |stream: &MeasuredStream| StreamCount { stream: stream.stream.clone(), records: stream.records };
        Self {
            connector,
            plugin,
            integration,
            environment,
            certified_at,
            grade: findings.iter().map(|finding| finding.grade).max().unwrap_or(Grade::A),
            states: measured.states,
            restarts: measured.restarts.iter().filter(|restart| !restart.missed).count() as u64,
            streams: measured.streams.iter().map(count).collect(),
            findings,
        }
    }
}
