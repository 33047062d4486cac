//! The oracle: one Python process in Meltano's own environment that reports the meaning of a project.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::{Map, Value, json};

use crate::project::seed;

/// The discovery result of every tap: streams and fields that the rules of the projects refer to.
const DISCOVERY: &str = include_str!("../../meaning/discovery.json");

/// Returns the parsed discovery result of every tap.
pub fn discovery() -> &'static Value {
    static DISCOVERED: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(DISCOVERY).unwrap());
    &DISCOVERED
}

/// A running oracle.
pub struct Oracle {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// The environment variables of a question.
pub type Variables = BTreeMap<String, String>;

/// Asks the one oracle of this test program, which starts with the first question.
pub fn ask(folder: &Path, variables: &Variables) -> Result<Value, String> {
    shared().ask(folder, variables)
}

/// Has a file parsed by Meltano's own parser.
pub fn parse(file: &Path) -> Result<(), String> {
    shared().answer(&json!({ "parse": file, "environment": {} })).map(drop)
}

fn shared() -> MutexGuard<'static, Oracle> {
    static ORACLE: OnceLock<Mutex<Oracle>> = OnceLock::new();
    let oracle = ORACLE.get_or_init(|| Mutex::new(Oracle::new()));
    oracle.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Oracle {
    pub fn new() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/meaning/oracle.py");
        let mut command = Command::new(seed().join(".spile/meltano/bin/python"));
        command.arg(script).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", "/nonexistent");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (questions, answers) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, questions, answers }
    }

    /// Returns the meaning of a project, or why Meltano refuses it.
    pub fn ask(&mut self, folder: &Path, variables: &Variables) -> Result<Value, String> {
        self.answer(&json!({ "folder": folder, "environment": variables, "discovery": discovery() }))
    }

    /// Does the same as [`Oracle::ask`] in half the time, for files in ordinary YAML.
    pub fn ask_quickly(&mut self, folder: &Path, variables: &Variables) -> Result<Value, String> {
        self.answer(&json!({ "folder": folder, "environment": variables, "discovery": discovery(), "quick": true }))
    }

    /// Returns the meaning of a project, then makes Meltano rewrite its files, as it does whenever it sets something.
    pub fn ask_and_dump(&mut self, folder: &Path, variables: &Variables) -> Result<Value, String> {
        self.answer(&json!({ "folder": folder, "environment": variables, "discovery": discovery(), "dump": true }))
    }

    fn answer(&mut self, question: &Value) -> Result<Value, String> {
        writeln!(self.questions.as_ref().unwrap(), "{question}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the oracle is gone: {:?}", self.child.try_wait());
        let mut said: Value = serde_json::from_str(&line).unwrap();
        match said.get("error").and_then(Value::as_str) {
            Some(error) => Err(error.to_owned()),
            None => Ok(said["answer"].take()),
        }
    }
}

impl Drop for Oracle {
    /// Closing its input ends the process.
    fn drop(&mut self) {
        self.questions = None;
        let _ = self.child.wait();
    }
}

/// Returns the differences between two answers.
pub fn differences(before: &Value, after: &Value) -> Vec<String> {
    let mut found = Vec::new();
    differ("", (before, after), &mut found);
    found
}

fn differ(path: &str, (before, after): (&Value, &Value), found: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            let of = |table: &Map<String, Value>, key: &String| table.get(key).cloned().unwrap_or(Value::Null);
            for key in keys {
                differ(&format!("{path}/{key}"), (&of(a, key), &of(b, key)), found);
            }
        }
        (before, after) if before != after => found.push(format!("{path}: {before} became {after}")),
        _ => {}
    }
}

#[test]
fn every_difference_is_found_including_the_order_of_a_table() {
    let table = |keys: [&str; 2]| json!({ "config": { "table": [[keys[0], 1], [keys[1], 2]] } });
    assert_eq!(differences(&table(["a", "b"]), &table(["a", "b"])), Vec::<String>::new());
    assert_eq!(differences(&table(["a", "b"]), &table(["b", "a"])).len(), 1);
    assert_eq!(differences(&json!({"a": {"b": 1}}), &json!({"a": {"b": "1"}})), ["/a/b: 1 became \"1\""]);
    assert_eq!(differences(&json!({"a": 1}), &json!({})), ["/a: 1 became null"]);
}
