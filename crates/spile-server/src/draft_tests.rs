//! Tests of drafts: their stages while they are in progress, and what is kept of their result.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

use spile_core::run::Run;
use spile_core::run::preview::Preview;
use spile_ops::Event;

/// A stage of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestStage {
    /// The connector is being installed.
    Installing,
    /// The connector is starting and connecting.
    Connecting,
    /// A record is being read, or written to a destination.
    Reading,
}

impl TestStage {
    /// All stages, in order.
    pub const ALL: [Self; 3] = [Self::Installing, Self::Connecting, Self::Reading];

    /// Returns the stage that an event begins.
    fn begun_by(event: &Event) -> Option<Self> {
        match event {
            Event::InstallingMeltano { .. } | Event::Locking { .. } | Event::Preparing { .. } => Some(Self::Installing),
            Event::Connecting { .. } => Some(Self::Connecting),
            Event::Reading { .. } => Some(Self::Reading),
            _ => None,
        }
    }
}

/// How long a stage took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageTime {
    /// The stage.
    pub stage: TestStage,
    /// The time, so far or in total.
    pub took: Duration,
}

/// A record that a test has read, masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleRecord {
    /// Its stream.
    pub stream: String,
    /// Its fields.
    pub fields: Vec<SampleField>,
}

/// A field of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleField {
    /// Its name.
    pub name: String,
    /// Its value, shortened.
    pub value: String,
}

impl SampleRecord {
    /// How many characters of a value are shown.
    const LONGEST: usize = 120;

    /// Returns the first record of a preview.
    fn of(preview: &Preview) -> Option<Self> {
        let stream = preview.streams.iter().find(|stream| !stream.records.is_empty())?;
        let shown = |value: &Value| match value {
            Value::Null => "empty".to_owned(),
            Value::String(text) => shortened(text),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => shortened(&value.to_string()),
        };
        let field = |(name, value): (&String, &Value)| SampleField { name: name.clone(), value: shown(value) };
        Some(Self { stream: stream.name.clone(), fields: stream.records[0].iter().map(field).collect() })
    }
}

fn shortened(text: &str) -> String {
    let mut cut: String = text.chars().take(SampleRecord::LONGEST).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}

/// The result of a test of a draft.
#[derive(Clone, Serialize, Deserialize)]
pub struct DraftTest {
    /// Its run, or why there was none.
    pub outcome: Result<Run, String>,
    /// Its stages.
    pub stages: Vec<StageTime>,
    /// The record that it has read.
    pub record: Option<SampleRecord>,
}

/// A test in progress.
pub struct LiveTest {
    stop: watch::Sender<bool>,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    /// When each stage began.
    began: Vec<(TestStage, Instant)>,
    record: Option<SampleRecord>,
}

impl LiveTest {
    fn new() -> Self {
        let progress = Progress { began: vec![(TestStage::Installing, Instant::now())], record: None };
        Self { stop: watch::channel(false).0, progress: Mutex::new(progress) }
    }

    /// Turns true when the test should stop.
    pub fn interrupt(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Stops the test and the processes that it has started.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Tells whether the test has been asked to stop.
    pub fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Takes an event of the test. Returns whether there is something new to show.
    pub fn take(&self, event: &Event) -> bool {
        let mut progress = self.lock();
        if let Event::ReadRecord { preview, .. } = event {
            progress.record = SampleRecord::of(preview);
        }
        let Some(stage) = TestStage::begun_by(event) else { return false };
        let is_new = progress.began.last().is_none_or(|(last, _)| *last < stage);
        if is_new {
            progress.began.push((stage, Instant::now()));
        }
        is_new
    }

    /// Returns the stages that have begun, with the time that each took. The last one may be in progress.
    pub fn stages(&self) -> Vec<StageTime> {
        let began = self.lock().began.clone();
        let ends = began.iter().skip(1).map(|(_, end)| *end).chain(std::iter::once(Instant::now()));
        began.iter().zip(ends).map(|((stage, start), end)| StageTime { stage: *stage, took: end - *start }).collect()
    }

    /// Returns the result.
    pub fn ended(&self, outcome: Result<Run, String>) -> DraftTest {
        DraftTest { outcome, stages: self.stages(), record: self.lock().record.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tests in progress, by the ids of their drafts.
#[derive(Default)]
pub struct LiveTests(Mutex<BTreeMap<String, Arc<LiveTest>>>);

impl LiveTests {
    /// Begins a test; `None` if the draft is being tested.
    pub fn begin(&self, draft: &str) -> Option<Arc<LiveTest>> {
        let mut all = self.lock();
        if all.contains_key(draft) {
            return None;
        }
        let test = Arc::new(LiveTest::new());
        all.insert(draft.to_owned(), test.clone());
        Some(test)
    }

    /// Returns the test of a draft.
    pub fn find(&self, draft: &str) -> Option<Arc<LiveTest>> {
        self.lock().get(draft).cloned()
    }

    /// Stops the test of a draft, if there is one.
    pub fn stop(&self, draft: &str) {
        if let Some(test) = self.find(draft) {
            test.stop();
        }
    }

    /// Removes a test that has ended.
    pub fn end(&self, draft: &str) {
        self.lock().remove(draft);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<LiveTest>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spile_core::name::Slug;

    #[test]
    fn stages_follow_the_events_and_never_go_back() {
        let slug: Slug = "crm".parse().unwrap();
        let test = LiveTest::new();
        assert!(!test.take(&Event::Preparing { slug: slug.clone() }), "it begins with the installation");
        assert!(test.take(&Event::Connecting { slug: slug.clone() }));
        assert!(test.take(&Event::Reading { slug: slug.clone() }));
        assert!(!test.take(&Event::Connecting { slug: slug.clone() }));
        let lines = concat!(
            r#"{"type": "RECORD", "stream": "users", "record": {"id": 1, "password": "hunter2", "name": null}}"#,
            "\n"
        );
        test.take(&Event::ReadRecord { slug, preview: Preview::read(lines.as_bytes()) });
        let ended = test.ended(Err(String::new()));
        let stages: Vec<_> = ended.stages.iter().map(|one| one.stage).collect();
        assert_eq!(stages, TestStage::ALL);
        let record = ended.record.unwrap();
        let fields: BTreeMap<_, _> =
            record.fields.iter().map(|field| (field.name.as_str(), field.value.as_str())).collect();
        assert_eq!(record.stream, "users");
        assert_eq!(fields, BTreeMap::from([("id", "1"), ("name", "empty"), ("password", "***")]));
    }

    #[test]
    fn a_draft_is_tested_once_at_a_time_and_can_be_stopped() {
        let tests = LiveTests::default();
        let test = tests.begin("a").unwrap();
        assert!(tests.begin("a").is_none() && tests.begin("b").is_some());
        tests.stop("a");
        assert!(*test.interrupt().borrow());
        tests.end("a");
        assert!(tests.find("a").is_none());
    }
}
