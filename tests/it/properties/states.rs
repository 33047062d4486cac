//! The laws of bookmarks: a change that is undone was never made, and no change touches another integration's.

use std::ops::Deref;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rusqlite::{Connection, params};
use spile_core::state::SingerState;
use spile_ops::Loaded;
use spile_ops::state::{self, Action, Options, Scope, Side};
use spile_world::processes::meltano::Host;
use spile_world::{Outside, Project, StateChanges, World};

use super::values::tries;
use crate::project::{CONNECTOR, LOADER};

/// States as taps of three kinds write them, with numbers and texts that others would write otherwise.
const STATES: [&str; 3] = [
    r#"{"bookmarks": {"a": {"id": 123456789012345678901234567890}, "b": {"id": 1.50}, "c": {"at": "2026-01-01T00:00:00Z"}}, "currently_syncing": "\u00e9"}"#,
    r#"{"bookmarks": {"a": {"replication_key": "id", "replication_key_value": 7}, "b": {"partitions": [{"context": {"x": 1e2}, "replication_key_value": 3}]}, "c": {"replication_key_value": "2026-01-01"}}}"#,
    r#"{"bookmarks": {"a": {"version": 1, "lsn": 99}, "b": {"version": 18446744073709551616, "replication_key": "k", "replication_key_value": "x"}, "c": {}}}"#,
];

const STREAMS: [&str; 3] = ["a", "b", "c"];

const OTHER: &str = r#"{"bookmarks": {"a": {"id": 5.0}, "z": {"id": 1}}}"#;

/// The same commands as on the command line, also those that make no sense.
fn actions() -> impl Strategy<Value = Vec<Action>> {
    let stream = || proptest::sample::select(STREAMS.to_vec()).prop_map(str::to_owned);
    let value = proptest::sample::select(vec!["1", "8", "99999999999999999999999", "2.25", "2025-06-01", "é"]);
    let set = (stream(), value).prop_map(|(stream, value)| Action::Set { stream, value: value.to_owned(), key: None });
    let clear = proptest::collection::vec(stream(), 0..3).prop_map(|streams| Action::Clear { streams });
    let import = proptest::sample::select(STATES.to_vec())
        .prop_map(|text| Action::Import { state: SingerState::parse(text).ok(), tap: "tap-fault".to_owned() });
    let copy = Just(Action::Copy { from: "other".to_owned() });
    proptest::collection::vec(prop_oneof![4 => set, 3 => clear, 1 => import, 1 => copy], 1..7)
}

/// A project with two integrations of one tap, and Meltano's database as Meltano makes it.
struct Yard {
    folder: tempfile::TempDir,
    world: World,
    loaded: Loaded,
    options: Options,
}

impl Yard {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("spile.toml", "[project]\nname = 'laws'\n[environments.dev]\n");
        write("connectors/fault.toml", CONNECTOR);
        write("integrations/files.toml", LOADER);
        for slug in ["one", "other"] {
            write(&format!("integrations/{slug}.toml"), "type = 'fault'\nloader = 'files'\n[config]\nmode = 'well'\n");
        }
        spile_world::files::door::make_private(&folder.path().join(".meltano")).unwrap();
        let yard = Connection::open(folder.path().join(".meltano/meltano.db")).unwrap();
        let tables = "create table runs (run_id, state, ended_at, payload); \
                      create table state (state_id primary key, partial_state, completed_state, updated_at)";
        yard.execute_batch(tables).unwrap();
        let project = Project::at(folder.path());
        let loaded = spile_ops::check(&project).unwrap();
        let environment = loaded.environment(None).unwrap();
        let world = World::open(&project, &loaded.settings, &environment, &Outside::nothing()).ok().unwrap();
        let interrupt = tokio::sync::watch::channel(false).1;
        let options = Options { environment, actor: "ada".to_owned(), host: Host::default(), interrupt };
        Self { folder, world, loaded, options }
    }

    fn scope(&self) -> Scope<'_> {
        Scope { world: &self.world, loaded: &self.loaded, options: &self.options }
    }

    fn keep(&self, slug: &str, state: &str) {
        let database = Connection::open(self.folder.path().join(".meltano/meltano.db")).unwrap();
        let values = params![id(slug), format!("{{\"singer_state\": {state}}}")];
        database.execute("insert or replace into state values (?1, '{}', ?2, 'then')", values).unwrap();
    }

    /// Returns the rows of an integration's state, to the byte, but for when they were written.
    fn kept(&self, slug: &str) -> Vec<(String, String)> {
        let database = Connection::open(self.folder.path().join(".meltano/meltano.db")).unwrap();
        let sql = "select completed_state, partial_state from state where state_id = ?1";
        let mut statement = database.prepare(sql).unwrap();
        let rows = statement.query_map([id(slug)], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    /// Makes a change; `false` where it makes no sense, or changes nothing.
    async fn change(&self, action: &Action) -> bool {
        let Ok(plan) = state::plan(self.scope(), "one", action, &mut |_| ()).await else { return false };
        if plan.is_empty() {
            return false;
        }
        state::apply(self.scope(), &plan, &mut |_| ()).await.unwrap();
        true
    }
}

fn id(slug: &str) -> String {
    format!("dev:tap-fault--{slug}-to-target-jsonl--files")
}

#[test]
fn changes_that_are_undone_one_by_one_were_never_made_and_touch_nobody_else() {
    let yard = Yard::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(ProptestConfig { cases: 24, max_shrink_iters: 60, ..tries() });
    let all = (proptest::option::of(0..STATES.len()), actions());
    let mut made = 0;
    let holds = |(first, actions): (Option<usize>, Vec<Action>), made: &mut usize| {
        match first {
            Some(first) => yard.keep("one", STATES[first]),
            None => {
                runtime.block_on(yard.change(&Action::Clear { streams: Vec::new() }));
            }
        }
        yard.keep("other", OTHER);
        let (kept, others) = (yard.kept("one"), yard.kept("other"));
        let mut changes = 0;
        for action in &actions {
            let before = yard.kept("one");
            let is_made = runtime.block_on(yard.change(action));
            changes += usize::from(is_made);
            prop_assert_eq!(before != yard.kept("one"), is_made, "{:?}", action);
        }
        prop_assert_eq!(&yard.kept("other"), &others);
        let integration = yard.loaded.integrations.find("one").unwrap().deref().clone();
        let store = StateChanges::of(&yard.world);
        let of = store.newest(integration.id, &yard.options.environment, changes);
        for change in runtime.block_on(of).unwrap() {
            let action = Action::Restore { id: change.id.to_string(), side: Side::Before };
            prop_assert!(runtime.block_on(yard.change(&action)));
        }
        prop_assert_eq!(yard.kept("one"), kept);
        prop_assert_eq!(yard.kept("other"), others);
        *made += changes;
        Ok(())
    };
    let held = std::cell::RefCell::new(&mut made);
    runner.run(&all, |generated| holds(generated, &mut held.borrow_mut())).unwrap();
    assert!(made > 20, "most of what is generated makes sense: {made}");
}
