//! Creating, changing and deleting integrations by values, as pages and programs do.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use spile_core::integration::{Integration, field};
use spile_core::name::Slug;
use spile_core::secret::Secret;
use spile_ops::author::{self, DesiredIntegration};
use spile_ops::edits::{Destination, WriteOutcome};
use spile_ops::secrets::Access;
use spile_ops::{self as ops, Error, Loaded};
use spile_world::keys::Places;
use spile_world::processes::git::Author;
use spile_world::{Keys, Program, Project};

use crate::folder::Folder;

const RULES: &str = "creation_rules:\n  - age: age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\n";

/// A project without a key for its recipients: creating integrations needs none.
struct Desk {
    folder: Folder,
    project: Project,
    keys: Keys,
    program: Program,
}

impl Desk {
    fn new() -> Self {
        let folder = Folder::project();
        folder.write(".sops.yaml", RULES);
        let project = Project::at(folder.path());
        Self { folder, project, keys: Keys::new(Places::default()), program: Program::new(std::ffi::OsString::new()) }
    }

    fn access(&self) -> Access<'_> {
        Access { project: &self.project, keys: &self.keys, program: &self.program, now: Timestamp::UNIX_EPOCH }
    }

    fn loaded(&self) -> Loaded {
        ops::check(&self.project).unwrap()
    }

    fn integration(&self, slug: &str) -> Arc<Integration> {
        self.loaded().integrations.find(slug).unwrap().clone()
    }

    async fn create(&self, slug: &str, wanted: &DesiredIntegration) -> Result<ops::new::Prepared, Error> {
        let slug: Slug = slug.parse().unwrap();
        let connector = self.loaded().catalog.find(spile_core::connector::Role::Extractor, "postgres").unwrap();
        author::create(self.access(), &slug, &connector, wanted).await
    }
}

fn wanted(keys: &Value, config: &Value, secrets: &[(&str, Option<&str>)]) -> DesiredIntegration {
    let secrets = secrets.iter().map(|(name, value)| ((*name).to_owned(), value.map(Secret::new)));
    let (keys, config) = (serde_json::from_value(keys.clone()), serde_json::from_value(config.clone()));
    DesiredIntegration { keys: keys.unwrap(), config: Some(config.unwrap()), secrets: secrets.collect() }
}

fn shop() -> DesiredIntegration {
    wanted(
        &json!({"name": "Shop (EU)", "loader": "lake", "schedule": "@daily", "jitter": "5m", "description": null}),
        &json!({"host": "db", "user": "me", "database": "shop"}),
        &[("password", Some("hunter2"))],
    )
}

/// Returns the codes of problems with their fields.
fn told(error: Error) -> Vec<(String, Option<String>)> {
    let Error::Problems(report) = error else { panic!("{error}") };
    let connector = spile_core::connector::Catalog::built_in(spile_core::connector::Role::Extractor, "postgres");
    report
        .problems()
        .iter()
        .map(|one| (one.code(), field::of(one, connector.as_deref()).map(|path| path.to_string())))
        .collect()
}

#[tokio::test]
async fn a_new_file_is_formatted_and_encrypted_without_a_key() {
    let desk = Desk::new();
    let prepared = desk.create("shop-eu", &shop()).await.unwrap();
    assert!(!desk.folder.join("integrations/shop-eu.toml").exists());
    let author = Author { name: "Ada".to_owned(), email: "ada@example.com".to_owned() };
    let written = prepared.edits().carry_out(&desk.project, &Destination::WorkingTree, &author, "Add it").await;
    assert_eq!(written.unwrap(), WriteOutcome::Files { files: vec!["integrations/shop-eu.toml".into()] });
    let text = desk.folder.read("integrations/shop-eu.toml");
    let order: Vec<usize> =
        ["type = ", "name = \"Shop (EU)\"", "loader", "schedule", "jitter", "[config]", "[secrets]"]
            .map(|word| text.find(word).unwrap_or_else(|| panic!("{word}: {text}")))
            .into();
    assert!(order.is_sorted(), "{text}");
    assert!(text.contains("password = \"ENC[") && !text.contains("hunter2"), "{text}");
    let made = desk.integration("shop-eu");
    assert_eq!(made.base.name, "Shop (EU)");
    // The creator of a secret can decrypt it, to test it before writing the file; nobody else can.
    let environment = "dev".parse().unwrap();
    let opened = ops::secrets::variables(&desk.keys, &made, &environment).await.unwrap();
    assert!(opened.values().any(|value| value.expose() == "hunter2"));
    let others = Keys::new(Places::default());
    assert!(ops::secrets::variables(&others, &made, &environment).await.is_err());
}

#[tokio::test]
async fn problems_name_their_field() {
    let desk = Desk::new();
    let wrong = wanted(
        &json!({"loader": "lagoon", "schedule": "every day", "select": "orders"}),
        &json!({"host": [1], "prot": 5432, "user": "me"}),
        &[("password", Some("hunter2"))],
    );
    let mut told = told(desk.create("shop", &wrong).await.unwrap_err());
    told.sort();
    let told: Vec<_> = told.iter().map(|(code, field)| (code.as_str(), field.as_deref().unwrap_or_default())).collect();
    for expected in [
        ("spile::integration::schedule", "schedule"),
        ("spile::integration::unknown_loader", "loader"),
        ("spile::settings::unknown", "config.prot"),
        ("spile::settings::wrong_kind", "config.host"),
    ] {
        assert!(told.contains(&expected), "{expected:?}: {told:?}");
    }
    assert!(told.iter().any(|(_, field)| *field == "select"), "{told:?}");
    let taken = desk.create("fruit", &shop()).await.unwrap_err();
    assert!(matches!(taken, Error::Taken { .. }), "{taken}");
}

#[tokio::test]
async fn only_the_requested_fields_change() {
    let desk = Desk::new();
    desk.create("shop", &shop()).await.unwrap().edits().write(&desk.project).unwrap();
    let before = desk.folder.read("integrations/shop.toml").replace("host = ", "# Ours.\nhost = ");
    desk.folder.write("integrations/shop.toml", &before);
    let change = wanted(
        &json!({"schedule": null, "jitter": null}),
        &json!({"host": "db2", "user": "me", "database": "shop"}),
        &[],
    );
    let changed = author::change(desk.access(), &desk.integration("shop"), &change).await.unwrap();
    let expected = before.replace("schedule = \"@daily\"\njitter = \"5m\"\n", "");
    assert_eq!(changed.text, expected.replace("host = \"db\"", "host = \"db2\""));
    // Without a key, a secret cannot join others: their data key is encrypted.
    let secret = DesiredIntegration {
        secrets: [("password".to_owned(), Some(Secret::new("new")))].into(),
        ..DesiredIntegration::default()
    };
    let others = Keys::new(Places::default());
    let access = Access { keys: &others, ..desk.access() };
    let refused = author::change(access, &desk.integration("shop"), &secret).await.unwrap_err();
    assert!(matches!(refused, Error::Secrets(_)), "{refused}");
}

#[tokio::test]
async fn an_integration_is_deleted_with_all_its_files_unless_others_need_it() {
    let desk = Desk::new();
    desk.folder.write("integrations/fruit.prod.toml", "schedule = \"@weekly\"\n");
    let removal = author::remove(&desk.project, &desk.integration("fruit")).unwrap();
    assert!(removal.loaded.integrations.find("fruit").is_none());
    assert!(desk.folder.join("integrations/fruit.toml").exists());
    removal.edits.write(&desk.project).unwrap();
    assert!(!desk.folder.join("integrations/fruit.toml").exists());
    assert!(!desk.folder.join("integrations/fruit.prod.toml").exists());
    let lake = desk.integration("lake");
    let mut kept = shop();
    kept.keys.insert("protect".to_owned(), json!(true));
    desk.create("kept", &kept).await.unwrap().edits().write(&desk.project).unwrap();
    assert!(matches!(author::remove(&desk.project, &desk.integration("kept")), Err(Error::Protected { .. })));
    assert!(matches!(author::remove(&desk.project, &lake), Err(Error::Problems(_))), "its records would go nowhere");
}
