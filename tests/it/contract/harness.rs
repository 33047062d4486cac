//! What the suite needs besides the trait: a fresh target, and records for it.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;
use spile_core::connector::Role;
use spile_core::integration::Choices;
use spile_core::name::IntegrationId;
use spile_core::plan::{Foreign, Snapshot, State, Step};
use spile_core::record::entry::{Origin, Setup};
use spile_core::record::row::Sealed;
use spile_core::record::{Entry, Record, Row};
use spile_core::render::{self, Head, Purpose};
use spile_core::source::Source;
use spile_world::{Local, MeltanoFile, Memory, Project, Target};
use uuid::Uuid;

use crate::folder::Folder;

/// A target under test.
pub trait Subject {
    /// The kind of record.
    type Record: Sample;

    /// Returns a handle; all handles share the same storage.
    fn target(&self) -> Arc<dyn Target<Record = Self::Record>>;

    /// Inserts records of others, and returns them as the target must list them.
    fn add_foreign(&self) -> Vec<Foreign>;

    /// Returns the files of the target; empty if it stores its records elsewhere.
    fn files(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Returns a state of records.
    fn state(&self, numbers: &[u8]) -> State<Self::Record> {
        numbers.iter().map(|number| (id(*number), Self::Record::numbered(*number))).collect()
    }

    /// Returns the step from a snapshot to a state of records.
    fn step(&self, from: &Snapshot<Self::Record>, numbers: &[u8]) -> Step<Self::Record> {
        let state = self.state(numbers);
        Step::between(from, &state, Self::Record::document(&state))
    }
}

/// A kind of record that the suite makes by number.
pub trait Sample: Record {
    /// Returns a record: the same number gives the same record, and numbers with the same tens share an id.
    fn numbered(number: u8) -> Self;

    /// Returns the document of a state.
    fn document(state: &State<Self>) -> Self::Document;
}

impl Sample for Row {
    fn numbered(number: u8) -> Self {
        row(number)
    }

    fn document(_: &State<Self>) {}
}

impl Sample for Entry {
    fn numbered(number: u8) -> Self {
        entry(number)
    }

    fn document(state: &State<Self>) -> String {
        let (default_environment, environments) = ("dev".parse().unwrap(), vec!["dev".parse().unwrap()]);
        let project_id = spile_core::name::project_id("x");
        let head = Head { project_id, default_environment, environments, purpose: Purpose::Project };
        render::meltano_yml(&head, state, &Source::new("meltano.yml.j2", render::TEMPLATE)).unwrap()
    }
}

/// Returns a record that does not belong to the suite.
pub fn foreign(id: &str, name: &str, managed_by: Option<&str>) -> Foreign {
    Foreign { id: id.to_owned(), name: name.to_owned(), managed_by: managed_by.map(str::to_owned) }
}

/// Returns what a database lists after an unmanaged row and a row of another project were inserted.
pub fn others() -> Vec<Foreign> {
    vec![foreign("by-hand", "By hand", None), foreign("elsewhere", "Elsewhere", Some("other"))]
}

/// Returns the id of a record, which depends on its tens.
pub fn id(number: u8) -> IntegrationId {
    IntegrationId(Uuid::from_u128(u128::from(number / 10) + 1))
}

pub fn row(number: u8) -> Row {
    Row {
        slug: format!("row-{}", number / 10).parse().unwrap(),
        connector: "shop".to_owned(),
        name: format!("Row {number}"),
        enabled: number.is_multiple_of(2),
        config: [("page_size".to_owned(), json!(number)), ("odd".to_owned(), json!({"a": ["'\"\n", 1.5]}))].into(),
        secrets: number.is_multiple_of(3).then(|| Sealed {
            names: vec!["b".to_owned(), "a".to_owned()],
            document: format!("{{ \"in its own\":  \"layout\", \"number\": {number} }}"),
        }),
    }
}

pub fn entry(number: u8) -> Entry {
    let slug = format!("entry-{}", number / 10);
    let definition = json!({"name": "tap-shop", "namespace": "tap_shop", "variant": "custom"});
    Entry {
        plugin: format!("tap-shop--{slug}"),
        slug: slug.parse().unwrap(),
        role: Role::Extractor,
        protect: false,
        choices: Choices::default(),
        origin: Origin::Made,
        definition: Arc::new(definition.as_object().cloned().unwrap().into()),
        base: Setup { config: [("n".to_owned(), json!(number))].into(), select: None, ..Setup::default() },
        environments: [].into(),
        loader: None,
        mappers: Vec::new(),
        interval: None,
    }
}

pub struct MemoryRows(pub Arc<Memory<Row>>);

impl Subject for MemoryRows {
    type Record = Row;

    fn target(&self) -> Arc<dyn Target<Record = Row>> {
        self.0.clone()
    }

    fn add_foreign(&self) -> Vec<Foreign> {
        let foreign = foreign("theirs", "Theirs", None);
        self.0.add_foreign(foreign.clone());
        vec![foreign]
    }
}

pub struct MemoryEntries(pub Arc<Memory<Entry>>);

impl Subject for MemoryEntries {
    type Record = Entry;

    fn target(&self) -> Arc<dyn Target<Record = Entry>> {
        self.0.clone()
    }

    fn add_foreign(&self) -> Vec<Foreign> {
        let foreign = foreign("theirs", "Theirs", None);
        self.0.add_foreign(foreign.clone());
        vec![foreign]
    }
}

/// The local registry of a project.
pub struct LocalRows(pub Folder);

impl LocalRows {
    pub fn path(&self) -> PathBuf {
        self.0.join(".spile/registry.db")
    }

    pub fn of(&self, project: &str, environment: &str) -> Arc<Local> {
        Arc::new(Local::new(self.path(), project, &environment.parse().unwrap()))
    }

    /// Runs SQL, bypassing the program.
    pub fn sql(&self, sql: &str) -> rusqlite::Result<()> {
        rusqlite::Connection::open(self.path())?.execute_batch(sql)
    }
}

impl Subject for LocalRows {
    type Record = Row;

    fn target(&self) -> Arc<dyn Target<Record = Row>> {
        self.of("acme", "dev")
    }

    fn files(&self) -> Vec<PathBuf> {
        self.0.files().into_keys().collect()
    }

    fn add_foreign(&self) -> Vec<Foreign> {
        self.sql(
            "insert into integrations (environment, id, slug, type, name, managed_by, created_at, updated_at) values
             ('dev', 'by-hand', 'x', 'y', 'By hand', null, '', ''),
             ('dev', 'elsewhere', 'x', 'y', 'Elsewhere', 'other', '', '')",
        )
        .unwrap();
        others()
    }
}

/// The rendered file of a project.
pub struct File(pub Folder);

impl Subject for File {
    type Record = Entry;

    fn target(&self) -> Arc<dyn Target<Record = Entry>> {
        Arc::new(MeltanoFile::new(&Project::at(self.0.path())))
    }

    fn files(&self) -> Vec<PathBuf> {
        self.0.files().into_keys().collect()
    }

    /// A file has no entries of others: it belongs to spile entirely or not at all.
    fn add_foreign(&self) -> Vec<Foreign> {
        Vec::new()
    }
}
