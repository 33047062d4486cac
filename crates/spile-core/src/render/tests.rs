use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::connector::Role;
use crate::name::IntegrationId;
use crate::record::entry::Setup;

/// Shops with one plugin each, which all share a base plugin.
fn shops(count: u128) -> State<Entry> {
    let shop = |number: u128| {
        let definition = [("name", "tap-x"), ("namespace", "tap_x"), ("pip_url", "tap-x==1")];
        let definition = definition.map(|(key, value)| (key.to_owned(), json!(value)));
        let entry = Entry {
            slug: format!("shop-{number}").parse().unwrap(),
            role: Role::Extractor,
            protect: false,
            choices: crate::integration::Choices::default(),
            plugin: format!("tap-x--shop-{number}"),
            origin: Origin::Made,
            definition: std::sync::Arc::new(serde_json::Map::from_iter(definition).into()),
            base: Setup { config: [("host".to_owned(), json!(format!("host-{number}")))].into(), ..Setup::default() },
            environments: std::collections::BTreeMap::new(),
            loader: None,
            mappers: Vec::new(),
            interval: None,
        };
        (IntegrationId(Uuid::from_u128(number)), entry)
    };
    (1..=count).map(shop).collect()
}

fn head(purpose: Purpose) -> Head {
    let environment: EnvironmentName = "dev".parse().unwrap();
    let project_id = crate::name::project_id("x");
    Head { project_id, default_environment: environment.clone(), environments: vec![environment], purpose }
}

fn rendered(entries: &State<Entry>) -> String {
    meltano_yml(&head(Purpose::Project), entries, &Source::new("templates/meltano.yml.j2", TEMPLATE)).unwrap()
}

fn told(text: &str, entries: &State<Entry>) -> String {
    prove(text, entries).unwrap_err().to_string()
}

#[test]
fn entries_that_are_lost_changed_or_added_are_reported() {
    let text = rendered(&shops(2));
    prove(&text, &shops(2)).unwrap();
    assert!(text.contains("host-2"), "{text}");
    assert_eq!(told(&text.replace("host-2", "elsewhere"), &shops(2)), "the template changes `shop-2`");
    assert_eq!(told(&text, &shops(3)), "the template drops `shop-3`");
    assert_eq!(told(&text, &shops(1)), "the template adds `shop-2`");
    let unmarked = text.lines().skip(1).collect::<Vec<_>>().join("\n");
    assert_eq!(told(&unmarked, &shops(2)), told("plugins: {}\n", &shops(0)));
}

/// Inserts a plugin before the first one in a list.
fn with_another(text: &str, list: &str, plugin: &str) -> String {
    let head = format!("  {list}:\n");
    assert!(text.contains(&head), "{text}");
    text.replacen(&head, &format!("{head}  - name: {plugin}\n"), 1)
}

#[test]
fn a_plugin_of_the_template_may_have_any_name_but_a_rendered_one() {
    let text = rendered(&shops(2));
    for taken in ["tap-x--shop-2", "tap-x"] {
        let told = told(&with_another(&text, "extractors", taken), &shops(2));
        assert_eq!(told, format!("the template writes two extractors named `{taken}`"));
    }
    prove(&with_another(&text, "extractors", "tap-y"), &shops(2)).unwrap();
}

#[test]
fn what_a_template_marks_as_safe_is_not_escaped() {
    let template = "{{ marker|safe }}\n# {{ 'a: b'|safe }} {{ 'a: b' }}\n";
    let text =
        unproven(&head(Purpose::Project), &shops(0), &Source::new("templates/meltano.yml.j2", template)).unwrap();
    assert_eq!(text, format!("{MARKER}\n# a: b 'a: b'\n"));
}

#[test]
fn templates_know_what_they_define_themselves_and_the_purpose_of_the_file() {
    let template = "{{ marker|safe }}\nrun: {{ run }}\n\
                    {% for list, plugins in imported|items %}{{ list|safe }}: {{ plugins|list }}\n{% endfor %}";
    let mut entries = shops(2);
    let id = IntegrationId(Uuid::from_u128(2));
    entries.insert(id, Entry { origin: Origin::Imported, ..entries.get(&id).unwrap().clone() });
    for (purpose, run) in [(Purpose::Project, false), (Purpose::Run, true)] {
        let text = unproven(&head(purpose), &entries, &Source::new("templates/meltano.yml.j2", template)).unwrap();
        let id = head(purpose).project_id;
        assert_eq!(text, format!("{MARKER}\nrun: {run}\nextractors: [tap-x--shop-2]\nloaders: []\nproject_id: {id}\n"));
    }
}

#[test]
fn a_value_without_quotes_must_mean_the_same_to_meltano() {
    let told = |value: &str| {
        let mut entries = shops(1);
        let id = IntegrationId(Uuid::from_u128(1));
        let mut shop = entries.get(&id).unwrap().clone();
        shop.base.config.insert("host".to_owned(), json!(value));
        entries.insert(id, shop);
        let text = rendered(&entries).replace(&format!("'{value}'"), value);
        compare(&text, read::back_of_any(&text), &entries).map_err(|mistake| mistake.to_string())
    };
    assert_eq!(told("db.example.com"), Ok(()));
    for otherwise in ["1_000", "2024-01-01T00:00:00.5Z", "0x1F"] {
        assert_eq!(told(otherwise), Err("the template changes `shop-1`".to_owned()), "{otherwise}");
    }
}
