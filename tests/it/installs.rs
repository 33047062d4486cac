//! The plugins of the built-in connectors: each is installed into an environment of its own and asked for its settings,
//! and they are compared with the definition's.
//!
//! By default three small ones are tested, with the machine's own Python. `SPILE_INSTALLS=all` tests all of them, and
//! `SPILE_INSTALLS=sftp,s3` those with these names, with Python 3.10 and the newest that works, as far as the `PATH` has
//! them. `docs/connectors.md` has the results; `SPILE_BLESS=1` rewrites the lines of the tested connectors.

mod compare;
mod plugin;
mod table;

use std::sync::Arc;

use spile_core::connector::bundled::Bundled;
use spile_core::connector::{Catalog, Connector, Role};

use plugin::Interpreter;
use table::{Grade, Line, Table};

/// Small plugins: one that is built with Meltano's SDK, and two that are not.
const FEW: [(Role, &str); 3] = [(Role::Extractor, "sftp"), (Role::Loader, "csv"), (Role::Loader, "jsonl")];

/// The connectors that a test runs with real data, and the test.
const RUN: [(Role, &str, &str); 8] = [
    (Role::Extractor, "postgres", include_str!("real/sources.rs")),
    (Role::Extractor, "rest-api", include_str!("real/api.rs")),
    (Role::Extractor, "salesforce", include_str!("real/salesforce.rs")),
    (Role::Extractor, "singer-jsonl", include_str!("real/arrivals.rs")),
    (Role::Loader, "csv", include_str!("real/certify.rs")),
    (Role::Loader, "duckdb", include_str!("real/certify.rs")),
    (Role::Loader, "jsonl", include_str!("real/certify.rs")),
    (Role::Loader, "postgres", include_str!("real/certify.rs")),
];

fn built_in() -> Vec<Arc<Connector>> {
    let heads = Catalog::built_in_heads();
    heads.iter().map(|head| Catalog::built_in(head.role, &head.name).unwrap()).collect()
}

fn is_run(connector: &Connector) -> bool {
    RUN.iter().any(|(role, name, _)| is(connector, *role, name))
}

fn is(connector: &Connector, role: Role, name: &str) -> bool {
    connector.head.role == role && connector.head.name == name
}

/// Returns the connectors to test.
fn tested() -> Vec<Arc<Connector>> {
    let asked = std::env::var("SPILE_INSTALLS").unwrap_or_default();
    let is_asked = |connector: &Connector| match asked.as_str() {
        "" => FEW.iter().any(|(role, name)| is(connector, *role, name)),
        "all" => true,
        names => names.split(',').any(|name| name == connector.head.name),
    };
    built_in().into_iter().filter(|connector| is_asked(connector)).collect()
}

/// Returns the interpreters to test with, the newest first.
fn interpreters() -> Vec<Interpreter> {
    match std::env::var_os("SPILE_INSTALLS") {
        Some(_) => Interpreter::all(),
        None => vec![Interpreter::of_the_machine()],
    }
}

/// What came of installing one plugin.
#[derive(Default)]
struct Trial {
    /// The Python versions that work, the oldest first.
    works: Vec<String>,
    /// What is wrong with the definition.
    faults: Vec<String>,
}

/// Installs a connector's plugin with the newest Python that works, and with the oldest one.
fn installed(connector: &Connector, interpreters: &[Interpreter]) -> Trial {
    let mut trial = Trial::default();
    for (at, interpreter) in interpreters.iter().enumerate() {
        let is_oldest = at + 1 == interpreters.len();
        if !trial.works.is_empty() && !is_oldest {
            continue;
        }
        match plugin::ask(connector, interpreter) {
            Ok(answer) => {
                trial.works.insert(0, interpreter.version.clone());
                trial.faults = compare::faults(connector, &answer);
            }
            Err(error) => eprintln!("{} with Python {}: {error}", connector.head.name, interpreter.version),
        }
    }
    trial
}

#[test]
fn a_plugin_installs_and_has_the_settings_of_its_definition() {
    let (interpreters, today) = (interpreters(), jiff::Zoned::now().date().to_string());
    let mut table = Table::read();
    let mut wrong = Vec::new();
    for connector in tested() {
        let is_bundled = Bundled::of(&connector.plugin.pip_url).is_some();
        let trial = if is_bundled { Trial::default() } else { installed(&connector, &interpreters) };
        let grade = match (is_run(&connector), trial.works.is_empty()) {
            (true, _) => Grade::Run,
            (false, false) => Grade::Installed,
            (false, true) => Grade::Defined,
        };
        let (role, name) = (connector.head.role, &connector.head.name);
        if trial.works.is_empty() && !is_bundled && table.grade(&connector) != Some(Grade::Defined) {
            wrong.push(format!("the {role} `{name}` does not install"));
        }
        wrong.extend(trial.faults.iter().map(|fault| format!("the {role} `{name}`: {fault}")));
        table.put(Line::new(&connector, grade, &trial.works, &today));
    }
    if std::env::var_os("SPILE_BLESS").is_some() {
        table.write();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_documentation_has_a_line_for_every_built_in_connector_as_it_is_pinned() {
    let table = Table::read();
    let expected: Vec<String> = built_in().iter().map(|connector| table::key(connector)).collect();
    let help = "`SPILE_BLESS=1 SPILE_INSTALLS=NAME cargo test --test it installs` writes a line";
    assert_eq!(table.keys(), expected, "{help}");
}

#[test]
fn a_connector_that_counts_as_run_is_named_by_the_test_that_runs_it() {
    for (role, name, test) in RUN {
        let is_named = [format!("'{name}'"), format!("\"{name}\"")].iter().any(|name| test.contains(name));
        assert!(is_named, "{role} {name}");
    }
}
