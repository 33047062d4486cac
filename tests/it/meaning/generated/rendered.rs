//! The law about rendering: what Meltano reads from a rendered `meltano.yml` is what spile's files declare.

use std::fmt::Write;
use std::sync::LazyLock;

use age::secrecy::ExposeSecret;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::{Map, Value, json};
use spile_core::definition::{self, DefinitionHints};
use spile_core::problem::Problems;
use spile_core::render;
use spile_core::secret::Secret;
use spile_core::sops::{self, DataKey, Document};
use spile_core::source::Source;
use spile_world::keys::{Places, wrap};
use spile_world::{Keys, Project};

use super::files::{GeneratedProject, Integration, SETTINGS, SLUGS, base, overlay};
use super::{model, shown};
use crate::folder::Folder;
use crate::meaning::oracle::{Oracle, Variables, discovery};

/// The variables that are set for Meltano, besides those of secrets.
static VARIABLES: LazyLock<Variables> = LazyLock::new(|| {
    [("USD", "12"), ("OWN", "users.id")].map(|(name, value)| (name.to_owned(), value.to_owned())).into()
});

/// The recipient of all secrets.
static IDENTITY: LazyLock<age::x25519::Identity> = LazyLock::new(age::x25519::Identity::generate);

/// The line of the built-in template that renders the plugins, and what a project adds after it.
const PLUGINS: &str = "{{- spile.all_plugins(made) }}\n";
const MAPPERS: &str = "  mappers:
  - name: masker
    namespace: masker
    mappings:
    - name: hide-names
      config: {hide: name}
    - name: trim
      config: {}
";

const SPILE: &str =
    "[project]\nname = \"acme\"\ndefault_environment = \"dev\"\n[environments.dev]\n[environments.prod]\n";

/// Returns the file of a connector, converted from a definition in the hub's form.
fn connector(name: &str, capabilities: &str) -> String {
    let namespace = name.replace('-', "_");
    let definition = format!(
        "name: {name}\nnamespace: {namespace}\npip_url: {name}\nexecutable: {name}\ncapabilities: {capabilities}\n{SETTINGS}"
    );
    let mut problems = Problems::default();
    let source = Source::new(format!("{name}.yml"), definition);
    let definition = definition::read(&source, &DefinitionHints::default(), &mut problems).unwrap();
    assert!(!problems.any_error());
    definition::text(&definition.connector, &definition.connector.plugin.name)
}

static TAP: LazyLock<String> = LazyLock::new(|| connector("tap-x", "[catalog, discover, state]"));
static TARGET: LazyLock<String> = LazyLock::new(|| connector("target-y", "[]"));

/// Returns the keys of the recipient.
pub fn keys() -> Keys {
    let age_key = Some(Secret::new(IDENTITY.to_string().expose_secret()));
    Keys::new(Places { age_key, ..Places::default() })
}

/// Adds encrypted secrets to a file.
fn encrypted(file: &str, secrets: &Map<String, Value>) -> String {
    if secrets.is_empty() {
        return file.to_owned();
    }
    let key = DataKey::generate();
    let mut document = Document::profile(&[wrap(&key, &IDENTITY.to_public().to_string()).unwrap()]);
    for (name, value) in secrets {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        document.set(name, &Secret::new(text), &key);
    }
    document.seal(&key, Timestamp::UNIX_EPOCH).unwrap();
    sops::rewrite(file, &document).unwrap()
}

fn lay(declared: &GeneratedProject) -> Folder {
    let folder = Folder::new();
    folder.write("spile.toml", SPILE);
    folder.write("connectors/x.toml", &TAP);
    folder.write("connectors/y.toml", &TARGET);
    let write = |slug: &str, one: &Integration, head: &str| {
        folder.write(&format!("integrations/{slug}.toml"), &encrypted(&base(one, head), &one.secrets));
        if let Some(declaration) = &one.overlay {
            folder.write(&format!("integrations/{slug}.prod.toml"), &overlay(declaration));
        }
    };
    write("lake", &declared.loader, "type = \"y\"\nkind = \"loader\"");
    for (slug, one) in SLUGS.iter().zip(&declared.extractors) {
        write(slug, one, "type = \"x\"\nloader = \"lake\"");
    }
    if declared.extractors.iter().any(|one| !one.mappers.is_empty()) {
        let template = render::TEMPLATE.replacen(PLUGINS, &format!("{PLUGINS}{MAPPERS}"), 1);
        assert!(template.contains("mappers:"));
        folder.write("templates/meltano.yml.j2", &template);
    }
    folder
}

/// Renders a project, and returns the variables of a run, including those of its secrets.
fn rendered(folder: &Folder) -> Result<Variables, TestCaseError> {
    let loaded = spile_ops::check(&Project::at(folder.path())).map_err(|error| shown(&error))?;
    loaded.prove().map_err(|error| shown(&error))?;
    folder.write("meltano.yml", &loaded.rendered);
    let keys = keys();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut variables = VARIABLES.clone();
    for slug in SLUGS {
        let Some(integration) = loaded.integrations.find(slug) else { continue };
        let environment = "dev".parse().unwrap();
        let secrets = runtime.block_on(spile_ops::secrets::variables(&keys, integration, &environment)).unwrap();
        variables.extend(secrets.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())));
    }
    Ok(variables)
}

/// Returns the expected settings of a plugin: those of its file, its secrets, and the defaults of the others.
fn config(declared: &Integration, environment: &str) -> Map<String, Value> {
    let mut found = Map::from_iter([
        ("loose".to_owned(), json!(false)),
        ("flag".to_owned(), json!(true)),
        ("many".to_owned(), json!(["a", "b"])),
    ]);
    for (name, value) in &model::at(declared, environment).config {
        let value = model::value(name, value, &VARIABLES);
        match name.split_once('.') {
            Some((table, name)) => drop(found.insert(table.to_owned(), json!({ name: value }))),
            None => drop(found.insert(name.clone(), value)),
        }
    }
    for (name, value) in &declared.secrets {
        found.insert(name.clone(), model::secret(value));
    }
    found
}

/// Writes tables as lists of pairs, as the oracle does.
fn ordered(value: &Value) -> Value {
    match value {
        Value::Object(table) => {
            json!({ "table": table.iter().map(|(key, value)| json!([key, ordered(value)])).collect::<Vec<_>>() })
        }
        Value::Array(items) => items.iter().map(ordered).collect(),
        value => value.clone(),
    }
}

/// The differences between what is declared and what Meltano reads.
struct Differences(String);

impl Differences {
    fn compare(&mut self, place: &str, declared: &Value, answer: &Value) {
        if declared != answer {
            let _ = writeln!(self.0, "{place} is declared as {declared}, but is {answer}");
        }
    }

    fn plugin(&mut self, declared: &Integration, environment: &str, name: &str, answer: &Value) {
        let expected = config(declared, environment);
        for (setting, value) in &expected {
            self.compare(&format!("{environment}/{name}/{setting}"), &ordered(value), &answer["config"][setting]);
        }
        for (setting, found) in answer["config"].as_object().into_iter().flatten() {
            if !expected.contains_key(setting) {
                self.compare(&format!("{environment}/{name}/{setting}"), &Value::Null, found);
            }
        }
        for (setting, value) in expected.iter().filter(|(setting, _)| !declared.secrets.contains_key(*setting)) {
            let variable = format!("{name}_{setting}").to_uppercase().replace('-', "_");
            self.variable(&format!("{environment}/{name}/{variable}"), value, &answer["env"][variable]);
        }
    }

    /// Compares a setting with its variable in the environment of the plugin's process: text as it is, other values as JSON.
    /// Tables are skipped because Meltano flattens them there.
    fn variable(&mut self, place: &str, value: &Value, found: &Value) {
        let read = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
        match value {
            Value::Object(_) => {}
            // A setting of kind `string` is written as Python does.
            Value::Bool(_) => self.compare(place, value, &read(&found.as_str().unwrap_or_default().to_lowercase())),
            Value::String(_) | Value::Null => self.compare(place, value, found),
            Value::Number(_) | Value::Array(_) => self.compare(place, value, &read(found.as_str().unwrap_or_default())),
        }
    }

    fn catalog(&mut self, declared: &Integration, environment: &str, answer: &Value) {
        let declaration = model::at(declared, environment);
        for (at, stream) in discovery()["streams"].as_array().unwrap().iter().enumerate() {
            let id = stream["tap_stream_id"].as_str().unwrap();
            for (index, node) in stream["metadata"].as_array().unwrap().iter().enumerate() {
                let found = &answer["streams"][at]["metadata"][index]["metadata"];
                let breadcrumb = node["breadcrumb"].as_array().unwrap();
                let path: Vec<&str> = breadcrumb.iter().skip(1).step_by(2).filter_map(Value::as_str).collect();
                let field = path.first().map(|_| path.join("."));
                let mut expected = model::metadata(&declaration, id, field.as_deref(), &VARIABLES);
                expected.insert("inclusion".to_owned(), node["metadata"]["inclusion"].clone());
                self.compare(&format!("{environment}/catalog/{id}/{path:?}"), &expected.into(), found);
            }
        }
    }

    fn job(&mut self, declared: &Integration, name: &str, answer: &Value) {
        let mappers = declared.mappers.iter().map(|mapper| json!(["mappers", mapper]));
        let steps = std::iter::once(json!(["extractors", name])).chain(mappers);
        let steps: Value = steps.chain([json!(["loaders", "target-y--lake"])]).collect();
        let mut jobs = answer["jobs"].as_object().unwrap().iter();
        let (job, blocks) = jobs
            .find(|(_, job)| job["blocks"][0] == steps[0])
            .map_or(("", &Value::Null), |(name, job)| (name, &job["blocks"]));
        self.compare(&format!("{name}'s job"), &steps, blocks);
        let mut schedules = answer["schedules"].as_object().unwrap().values();
        let schedule = schedules.find(|schedule| schedule["job"] == job).map_or(&Value::Null, |one| &one["interval"]);
        self.compare(&format!("{name}'s schedule"), &json!(declared.schedule), schedule);
    }
}

/// Fails if any answer of Meltano about the rendered file differs from what the files declare.
pub fn means_what_is_declared(declared: &GeneratedProject, oracle: &mut Oracle) -> Result<(), TestCaseError> {
    let folder = lay(declared);
    let variables = rendered(&folder)?;
    let answer = oracle.ask_quickly(folder.path(), &variables).map_err(TestCaseError::fail)?;
    let mut found = Differences(String::new());
    for environment in ["", "dev", "prod"] {
        let answer = &answer[environment];
        found.plugin(&declared.loader, environment, "target-y--lake", &answer["plugins"]["loaders/target-y--lake"]);
        for (slug, one) in SLUGS.iter().zip(&declared.extractors) {
            let name = format!("tap-x--{slug}");
            let plugin = &answer["plugins"][format!("extractors/{name}")];
            found.plugin(one, environment, &name, plugin);
            found.catalog(one, environment, &plugin["catalog"]);
            found.job(one, &name, answer);
        }
    }
    prop_assert!(found.0.is_empty(), "{}\n{}", found.0, folder.read("meltano.yml"));
    Ok(())
}
