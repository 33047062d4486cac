use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;

use super::entry::Setup;
use super::*;
use crate::integration::tests::{EXTRACTOR, integrations, project};
use crate::integration::{Integration, Integrations, Secrets};
use crate::sops::Document;

/// An integration with a secret, whose plugin is defined by its connector or by the project.
fn shop(plugin: Option<&str>) -> Integration {
    let (found, problems) = integrations(&[("shop", &format!("name = 'The shop'\n{EXTRACTOR}"))]);
    assert_eq!(problems, Vec::<String>::new());
    let mut shop = Integration::clone(found.find("shop").unwrap());
    let document = Arc::new(Document::profile(&[]));
    let (path, names) = (PathBuf::from("integrations/shop.toml"), vec!["s3.api-key".to_owned()]);
    shop.base.secrets = Some(Arc::new(Secrets { path, names, document, sidecar: None }));
    Integration { plugin: plugin.map(str::to_owned), ..shop }
}

fn entry(shop: &Integration) -> Entry {
    let definition = Arc::new(PluginDefinition::of(&shop.connector));
    Entry::of(shop, definition, &Integrations::default(), &project())
}

#[test]
fn people_know_a_row_by_its_connector_and_name_and_a_plugin_by_what_meltano_calls_it() {
    let names = |record: (&str, &str)| (record.0.to_owned(), record.1.to_owned());
    let row = Row::of(&shop(None), &"dev".parse().unwrap());
    assert_eq!((row.kind(), row.title(), row.slug().as_str()), ("singer-jsonl", "The shop", "shop"));
    let made = entry(&shop(None));
    assert_eq!(names((made.kind(), made.title())), names(("tap-singer-jsonl", "tap-singer-jsonl--shop")));
    let imported = entry(&shop(Some("tap-own")));
    assert_eq!(names((imported.kind(), imported.title())), names(("tap-own", "tap-own")));
}

#[test]
fn only_a_plugin_of_the_template_needs_references_to_its_secrets() {
    let config = |shop: &Integration| json!(entry(shop).base.config);
    assert_eq!(config(&shop(None)), json!({"local.folders": ["x"]}));
    let with_reference = json!({"local.folders": ["x"], "s3.api-key": "${TAP_OWN_S3_API_KEY}"});
    assert_eq!(config(&shop(Some("tap-own"))), with_reference);
}

#[test]
fn an_entry_within_an_environment_includes_its_differences() {
    let mut entry = entry(&shop(None));
    let schema = |name: &str| Some(name.to_owned());
    entry.base.load_schema = schema("raw");
    let prod = Setup {
        config: [("a".to_owned(), json!(2))].into(),
        load_schema: schema("prod"),
        select: Some(["b.*".to_owned()].into()),
        ..Setup::default()
    };
    entry.environments = [("prod".parse().unwrap(), prod)].into();
    let within = |environment: &str| entry.within(&environment.parse().unwrap());
    assert_eq!(within("dev").base, entry.base);
    let there = within("prod");
    assert_eq!((&there.base.load_schema, &there.base.config["a"]), (&schema("prod"), &json!(2)));
    assert_eq!((there.base.select, there.environments.len()), (Some(["b.*".to_owned()].into()), 0));
}

#[test]
fn a_value_that_a_definition_marks_as_sensitive_is_secret_in_any_environment() {
    let settings = json!({"name": "tap-x", "settings": [{"name": "pin", "sensitive": true}, {"name": "host"}]});
    let definition = Arc::new(PluginDefinition::from(settings.as_object().unwrap().clone()));
    let setup = Setup {
        config: [("pin".to_owned(), json!("1234")), ("host".to_owned(), json!("db"))].into(),
        metadata: json!({"config.pin": {"selected": true}}).as_object().unwrap().clone(),
        ..Setup::default()
    };
    let environments = ["prod", "config"].map(|name| (name.parse().unwrap(), setup.clone())).into();
    let entry = Entry { definition, environments, base: setup, ..entry(&shop(None)) };
    let fields = entry.fields();
    for table in ["config", "environments.prod.config", "environments.config.config"] {
        let field = |name: &str| &fields[format!("{table}.{name}").as_str()];
        assert!(matches!((field("pin"), field("host")), (Field::Secret(_), Field::Ordered(_))), "{table}");
    }
}
