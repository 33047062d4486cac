//! The file that answers produce: in the order of the documentation, with the connector's description of each setting.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};
use toml_edit::{Decor, DocumentMut, Item, Key, Table, value};

use super::first_sentence;
use crate::connector::{Connector, Head, Kind, Role};
use crate::integration::rewrite::NotWritable;
use crate::name::{IntegrationId, SettingName, Slug};
use crate::value::{NotToml, Settings, to_toml};

/// The content of a new integration's file.
#[derive(Debug, Clone)]
pub struct NewFile {
    /// Its id, which stays the same when it is renamed.
    pub id: IntegrationId,
    /// Its connector.
    pub connector: Arc<Connector>,
    /// Its display name.
    pub name: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// The loader that its records go to.
    pub loader: Option<Slug>,
    /// Its cron schedule.
    pub schedule: Option<String>,
    /// The time zone of the schedule.
    pub timezone: Option<String>,
    /// The selected streams and fields.
    pub select: Vec<String>,
    /// Tags to find it by.
    pub tags: BTreeSet<String>,
    /// The values of settings that are not secret.
    pub config: Settings,
    /// Replication metadata, by stream.
    pub metadata: Map<String, Value>,
}

impl NewFile {
    /// Creates a file that only sets its connector.
    #[must_use]
    pub fn new(id: IntegrationId, connector: Arc<Connector>) -> Self {
        Self {
            id,
            connector,
            name: None,
            description: None,
            loader: None,
            schedule: None,
            timezone: None,
            select: Vec::new(),
            tags: BTreeSet::new(),
            config: Settings::new(),
            metadata: Map::new(),
        }
    }

    /// Returns the file's text, without secrets.
    ///
    /// # Errors
    /// When a value cannot be expressed in TOML.
    pub fn text(&self) -> Result<String, NotWritable> {
        let mut file = DocumentMut::new();
        let role = (self.connector.head.role == Role::Loader).then(|| "loader".to_owned());
        let texts = [
            ("id", Some(self.id.to_string())),
            ("type", Some(self.connector.head.name.clone())),
            ("kind", role),
            ("name", self.name.clone()),
            ("description", self.description.clone()),
            ("loader", self.loader.as_ref().map(ToString::to_string)),
            ("schedule", self.schedule.clone()),
            ("timezone", self.timezone.clone()),
        ];
        for (key, text) in texts {
            if let Some(text) = text {
                file.insert(key, value(text));
            }
        }
        let lists = [("select", self.select.clone()), ("tags", self.tags.iter().cloned().collect())];
        for (key, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            file.insert(key, value(list.iter().collect::<toml_edit::Array>()));
        }
        if !self.config.is_empty() {
            file.insert("config", Item::Table(self.config()?));
        }
        if !self.metadata.is_empty() {
            file.insert("metadata", Item::Table(self.metadata()?));
        }
        Ok(format!("{}{file}", self.head()))
    }

    fn head(&self) -> String {
        let Head { label, description, docs, .. } = &self.connector.head;
        let what = first_sentence(description);
        let what = if what.is_empty() { String::new() } else { format!(": {what}") };
        let docs = docs.as_ref().map(|docs| format!("# {docs}\n")).unwrap_or_default();
        format!("# {label}{what}\n{docs}")
    }

    /// Returns the settings in the order of the definition, each with the first sentence of its description above it.
    fn config(&self) -> Result<Table, NotWritable> {
        let mut table = Table::new();
        table.decor_mut().set_prefix("\n");
        for setting in &self.connector.settings {
            let Some(answer) = self.config.get(&setting.name) else { continue };
            let written = written(&setting.kind, answer);
            let not_writable = |reason| NotWritable { table: Some("config"), key: setting.name.clone(), reason };
            let Some(written) = written.map_err(not_writable)? else { continue };
            let said = setting.description.as_deref().map(first_sentence).filter(|said| !said.is_empty());
            let comment = said.map(|said| format!("# {said}\n")).unwrap_or_default();
            let keys: Vec<Key> = if self.is_beside(&setting.name) {
                vec![Key::new(&setting.name)]
            } else {
                SettingName::new(&setting.name).parts().map(Key::new).collect()
            };
            insert(&mut table, &keys, value(written), &comment);
        }
        Ok(table)
    }

    /// Returns a table for each stream.
    fn metadata(&self) -> Result<Table, NotWritable> {
        let mut all = Table::new();
        all.set_implicit(true);
        for (stream, keys) in &self.metadata {
            let mut table = Table::new();
            for (key, said) in keys.as_object().into_iter().flatten() {
                let not_writable = |reason| NotWritable { table: Some("metadata"), key: stream.clone(), reason };
                if let Some(said) = to_toml(said).map_err(not_writable)? {
                    table.insert(key, value(said));
                }
            }
            all.insert(stream, Item::Table(table));
        }
        Ok(all)
    }

    /// Tells whether another setting's value takes the place of a nested setting's table: if `a` has a value, `a.b` can
    /// only be written as `"a.b"`.
    fn is_beside(&self, name: &str) -> bool {
        SettingName::new(name).parents().any(|parent| self.config.contains_key(parent))
    }
}

/// Inserts a value. Nested settings are written with dots, like their names: `local.folders = [...]`.
fn insert(table: &mut Table, keys: &[Key], item: Item, comment: &str) {
    match keys {
        [] => {}
        [key] => {
            let key = key.clone().with_leaf_decor(Decor::new(comment, " "));
            table.insert_formatted(&key, item);
        }
        [first, rest @ ..] => {
            let inner = table.entry(first.get()).or_insert_with(|| {
                let mut inner = Table::new();
                inner.set_dotted(true);
                Item::Table(inner)
            });
            if let Some(inner) = inner.as_table_mut() {
                insert(inner, rest, item, comment);
            }
        }
    }
}

fn written(kind: &Kind, answer: &Value) -> Result<Option<toml_edit::Value>, NotToml> {
    let date = || answer.as_str()?.parse::<toml_edit::Datetime>().ok();
    if *kind == Kind::Date
        && let Some(date) = date()
    {
        return Ok(Some(date.into()));
    }
    to_toml(answer)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::connector::{Catalog, read};
    use crate::problem::Problems;
    use crate::source::Source;

    fn new(connector: Arc<Connector>) -> NewFile {
        NewFile::new(IntegrationId(Uuid::nil()), connector)
    }

    #[test]
    fn a_file_follows_the_order_of_the_documentation_and_describes_each_setting() {
        let catalog = Catalog::new(&[], &mut Problems::default());
        let file = NewFile {
            name: Some("Salesforce".to_owned()),
            loader: Some("warehouse".parse().unwrap()),
            schedule: Some("@hourly".to_owned()),
            select: vec!["Account.*".to_owned()],
            tags: ["crm".to_owned()].into(),
            config: [
                ("api_type".to_owned(), json!("BULK")),
                ("start_date".to_owned(), json!("2024-01-01T00:00:00Z")),
                ("is_sandbox".to_owned(), json!(true)),
            ]
            .into(),
            ..new(catalog.find(Role::Extractor, "salesforce").unwrap())
        };
        let text = file.text().unwrap();
        let expected = "type = \"salesforce\"\nname = \"Salesforce\"\nloader = \"warehouse\"\nschedule = \"@hourly\"\n\
                        select = [\"Account.*\"]\ntags = [\"crm\"]\n\n[config]\n# Records last changed";
        assert!(text.starts_with("# Salesforce: Accounts, contacts"), "{text}");
        assert!(text.contains(expected), "{text}");
        assert!(
            text.contains(
                "\nstart_date = 2024-01-01T00:00:00Z\n# The Salesforce API to read with.\napi_type = \"BULK\"\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn metadata_is_written_as_one_table_per_stream() {
        let catalog = Catalog::new(&[], &mut Problems::default());
        let keys = json!({ "replication-method": "INCREMENTAL", "replication-key": "updated_at" });
        let metadata = Map::from_iter([("public-a.b".to_owned(), keys)]);
        let file = NewFile { metadata, ..new(catalog.find(Role::Extractor, "postgres").unwrap()) };
        let text = file.text().unwrap();
        let table =
            "\n[metadata.\"public-a.b\"]\nreplication-method = \"INCREMENTAL\"\nreplication-key = \"updated_at\"\n";
        assert!(text.ends_with(table), "{text}");
    }

    #[test]
    fn nested_settings_are_written_with_dotted_names() {
        let catalog = Catalog::new(&[], &mut Problems::default());
        let config = [("local.folders".to_owned(), json!(["data"]))].into();
        let file = NewFile { config, ..new(catalog.find(Role::Extractor, "singer-jsonl").unwrap()) };
        let text = file.text().unwrap();
        assert!(text.contains("local.folders = [\"data\"]\n"), "{text}");
    }

    #[test]
    fn a_nested_setting_is_kept_next_to_its_parent_setting() {
        let definition =
            "[plugin]\nname = 'tap-x'\nnamespace = 'x'\n[[settings]]\nname = 'a.b'\n[[settings]]\nname = 'a'\n";
        let source = Source::new("connectors/x.toml", definition);
        let config: Settings = [("a".to_owned(), json!("1")), ("a.b".to_owned(), json!("2"))].into();
        let connector = Arc::new(read::connector(&source, &mut Problems::default()).unwrap());
        let file = NewFile { config, ..new(connector) };
        let text = file.text().unwrap();
        assert!(text.ends_with("[config]\n\"a.b\" = \"2\"\na = \"1\"\n"), "{text}");
        let without = NewFile { config: [("a".to_owned(), json!([null]))].into(), ..file };
        assert_eq!(without.text().unwrap_err().reason, NotToml::Null);
    }
}
