//! The schemas for editors, compared with the results of `check` on the same files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::Value;
use spile_core::connector::Catalog;
use spile_core::problem::Problems;
use spile_core::schema::{self, Subject};
use spile_core::settings::Builtin;
use spile_ops::{self as ops, Error};
use spile_world::Project;

use crate::folder::Folder;

/// Codes of problems that a single file shows, so that a schema must find them too.
const SEEN: [&str; 5] = [
    "spile::toml::unknown_key",
    "spile::toml::wrong_kind",
    "spile::settings::unknown",
    "spile::settings::wrong_kind",
    "spile::secrets::plaintext",
];

struct Schemas(BTreeMap<&'static str, Validator>);

impl Schemas {
    fn of(catalog: &Catalog) -> Self {
        let made = |subject: Subject| {
            let schema = schema::of(subject, catalog);
            jsonschema::draft7::meta::validate(&schema).unwrap_or_else(|error| panic!("{}: {error}", subject.word()));
            (subject.word(), jsonschema::draft7::new(&schema).unwrap())
        };
        Self(Subject::ALL.map(made).into())
    }

    /// Returns the places of a file that its schema refuses, as JSON pointers with messages.
    fn refused(&self, path: &Path, value: &Value) -> Vec<(String, String)> {
        let errors = self.0[subject(path).word()].iter_errors(value);
        errors.map(|error| (error.instance_path().to_string(), error.to_string())).collect()
    }
}

fn subject(path: &Path) -> Subject {
    let stem = path.file_stem().unwrap().to_string_lossy();
    match path.components().next().unwrap().as_os_str().to_str().unwrap() {
        "spile.toml" => Subject::Project,
        "connectors" => Subject::Connector,
        _ if stem.contains('.') => Subject::Overlay,
        _ => Subject::Integration,
    }
}

/// Returns the files that have schemas.
fn declared(folder: &Folder) -> Vec<(PathBuf, String)> {
    let is_ours = |path: &Path| {
        let top = path.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        let is_toml = path.extension().is_some_and(|extension| extension == "toml");
        is_toml && (path == Path::new("spile.toml") || top == "integrations" || top == "connectors")
    };
    let files = folder.files().into_iter().filter(|(path, _)| is_ours(path));
    files.filter_map(|(path, bytes)| Some((path, String::from_utf8(bytes).ok()?))).collect()
}

fn as_json(text: &str) -> Option<Value> {
    let table: toml::Table = toml::from_str(text).ok()?;
    Some(plain(toml::Value::Table(table)))
}

/// Converts dates to text, as taplo and spile see them in JSON.
fn plain(value: toml::Value) -> Value {
    match value {
        toml::Value::Datetime(date) => Value::String(date.to_string()),
        toml::Value::Array(items) => Value::Array(items.into_iter().map(plain).collect()),
        toml::Value::Table(members) => {
            Value::Object(members.into_iter().map(|(key, item)| (key, plain(item))).collect())
        }
        other => serde_json::to_value(other).unwrap(),
    }
}

fn cases() -> Vec<PathBuf> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut cases: Vec<PathBuf> = fs::read_dir(top).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

/// Compares one project; returns the differences between the schemas and `check`, and collects the compared codes.
fn compared(case: &Path, codes: &mut BTreeSet<String>) -> Vec<String> {
    let folder = Folder::new();
    folder.clear_sources();
    fs::create_dir_all(folder.join("connectors")).unwrap();
    folder.lay(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shared"));
    folder.lay(&case.join("project"));
    let project = Project::at(folder.path());
    let catalog = Catalog::new(&project.connectors(&mut Problems::default()), &mut Problems::default());
    let schemas = Schemas::of(&catalog);
    let report = match ops::check(&project) {
        Err(Error::Problems(report)) => report,
        _ => Problems::default().into_report(),
    };
    let mut differs = Vec::new();
    for (path, text) in declared(&folder) {
        let Some(value) = as_json(&text) else { continue };
        let refused = schemas.refused(&path, &value);
        let found: Vec<_> = report.problems().iter().filter(|problem| problem.place().source.path() == path).collect();
        let name = case.file_name().unwrap().to_string_lossy();
        if found.is_empty() && !refused.is_empty() {
            differs.push(format!("{name}/{}: only the schema refuses {refused:?}", path.display()));
        }
        // If a connector is invalid, its settings are unknown; an overlay's connector is in another file.
        for problem in found.iter().filter(|problem| SEEN.contains(&problem.code().as_str())) {
            let place = problem.place();
            let key = place.source.text()[place.span.clone()].trim_matches(['"', '\'']).to_owned();
            let names = |(at, words): &(String, String)| at.contains(&key) || words.contains(&key);
            let is_seen = refused.iter().any(names) || (!refused.is_empty() && !problem.code().contains("unknown"));
            if is_seen || (subject(&path) == Subject::Overlay && !refused.is_empty()) {
                codes.insert(problem.code());
            } else {
                differs.push(format!("{name}: the schema does not see {problem:?}, but {refused:?}"));
            }
        }
    }
    differs
}

#[test]
fn the_schemas_accept_what_check_accepts_and_find_problems_of_single_files() {
    let mut codes = BTreeSet::new();
    let differs: Vec<String> = cases().iter().flat_map(|case| compared(case, &mut codes)).collect();
    assert!(differs.is_empty(), "{}", differs.join("\n"));
    let unseen: Vec<_> = SEEN.iter().filter(|code| !codes.contains(**code)).collect();
    assert!(unseen.is_empty(), "no case has {unseen:?}");
}

/// Returns the known keys of a table, from the help for an unknown key.
fn known(file: &str, before: &str) -> BTreeSet<String> {
    let folder = Folder::project();
    folder.write(file, &format!("{before}zzzzzzzzqqqqqqqq = 1\n"));
    let Err(Error::Problems(report)) = ops::check(&Project::at(folder.path())) else { panic!("{file} is taken") };
    let help = report.problems().iter().find(|problem| problem.code() == "spile::toml::unknown_key");
    let help = help.unwrap_or_else(|| panic!("{file}: {report:?}")).help().unwrap();
    help.names().map(ToOwned::to_owned).collect()
}

fn keys(schema: &Value, pointer: &str) -> BTreeSet<String> {
    let properties = schema.pointer(&format!("{pointer}/properties")).unwrap();
    properties.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn the_schemas_have_the_keys_that_the_readers_know() {
    let catalog = Catalog::new(&[], &mut Problems::default());
    let project = "[project]\nname = 'x'\n";
    let plugin = "plugin = { name = 'x', namespace = 'x' }\n";
    let tables = [
        (Subject::Integration, "integrations/new.toml", String::new(), ""),
        (Subject::Project, "spile.toml", String::new(), ""),
        (Subject::Project, "spile.toml", project.to_owned(), "/properties/project"),
        (Subject::Project, "spile.toml", format!("{project}[registry]\n"), "/properties/registry"),
        (Subject::Project, "spile.toml", format!("{project}[meltano]\n"), "/properties/meltano"),
        (Subject::Project, "spile.toml", format!("{project}[guard]\n"), "/properties/guard"),
        (Subject::Project, "spile.toml", format!("{project}[sync]\n"), "/properties/sync"),
        (Subject::Project, "spile.toml", format!("{project}[run]\n"), "/properties/run"),
        (Subject::Project, "spile.toml", format!("{project}[[outputs]]\n"), "/properties/outputs/items"),
        (
            Subject::Project,
            "spile.toml",
            format!("{project}[environments.dev]\n"),
            "/properties/environments/additionalProperties",
        ),
        (Subject::Connector, "connectors/new.toml", plugin.to_owned(), ""),
        (Subject::Connector, "connectors/new.toml", "[plugin]\n".to_owned(), "/properties/plugin"),
        (Subject::Connector, "connectors/new.toml", "[[settings]]\n".to_owned(), "/properties/settings/items"),
        (Subject::Connector, "connectors/new.toml", "[[groups]]\n".to_owned(), "/properties/groups/items"),
    ];
    for (subject, file, before, pointer) in tables {
        let schema = schema::of(subject, &catalog);
        assert_eq!(keys(&schema, pointer), known(file, &before), "{file} {pointer}");
    }
    for (at, builtin) in Builtin::ALL.into_iter().enumerate() {
        let template = builtin.word();
        let before = format!("{project}[[outputs]]\npath = 'a'\ntemplate = '{template}'\n[outputs.values]\n");
        let pointer = format!("/properties/outputs/items/allOf/{at}/then/properties/values");
        let schema = schema::of(Subject::Project, &catalog);
        assert_eq!(keys(&schema, &pointer), known("spile.toml", &before), "{template}");
    }
    let channels: BTreeSet<String> = ["'slack'", "'webhook'", "'email'\nto = []", "'desktop'"]
        .iter()
        .flat_map(|kind| known("spile.toml", &format!("{project}[[notify]]\nname = 'x'\nkind = {kind}\n")))
        .collect();
    assert_eq!(keys(&schema::of(Subject::Project, &catalog), "/properties/notify/items"), channels);
}

#[test]
fn the_taplo_rules_of_a_new_project_are_those_of_spile_schema() {
    let folder = Folder::new();
    folder.spile("init").exits(0);
    let rules = ops::schema::taplo_rules(Path::new(ops::schema::FOLDER));
    assert_eq!(folder.read(".taplo.toml"), rules);
    folder.remove(".taplo.toml");
    folder.spile("schema --write").exits(0);
    assert_eq!(folder.read(".taplo.toml"), rules);
    let written: Value = serde_json::from_str(&folder.read(".spile/schemas/project.json")).unwrap();
    assert_eq!(written, schema::of(Subject::Project, &Catalog::default()));
}

/// Taplo, the language server and linter behind Even Better TOML.
const TAPLO: &str = "taplo==0.9.3";

/// Returns taplo; `None` if there is no `python3`.
fn taplo() -> Option<PathBuf> {
    let install = |folder: &Path| crate::outputs::install_python(folder, &[TAPLO]);
    crate::tools::installed("taplo-0.9.3", "python3", install).map(|folder| folder.join("bin/taplo"))
}

#[test]
fn taplo_accepts_a_new_project_and_reports_problems_at_their_key() {
    let Some(taplo) = taplo() else { return };
    let folder = Folder::new();
    folder.spile("init").exits(0);
    folder.write("integrations/example.prod.toml", "enabled = false\n");
    folder.spile("schema --write").exits(0);
    let lint = || {
        let mut command = std::process::Command::new(&taplo);
        command.arg("lint").current_dir(folder.path()).env("HOME", folder.path());
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let (is_well, said) = lint();
    assert!(is_well, "{said}");
    for (file, text, key) in [
        ("integrations/bad.toml", "type = 'postgres'\n[config]\nport = 'x'\n", "port"),
        ("integrations/bad.toml", "type = 'postgres'\n[config]\nhots = 'x'\n", "hots"),
        ("integrations/bad.toml", "type = 'postgress'\n", "postgress"),
        ("integrations/bad.toml", "type = 'jsonl'\nkind = 'loader'\nschedule = '@daily'\n", "schedule"),
        ("integrations/example.dev.toml", "type = 'postgres'\n", "type"),
        ("connectors/bad.toml", "[plugin]\nname = 'x'\n", "namespace"),
    ] {
        folder.write(file, text);
        let (is_well, said) = lint();
        assert!(!is_well && said.contains(key), "{file} {text}: {said}");
        folder.remove(file);
    }
}
