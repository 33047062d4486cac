//! The file that answers make: in the order of the documentation, with what the connector says of each setting.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use toml_edit::ser::ValueSerializer;
use toml_edit::{Decor, DocumentMut, Item, Key, Table, value};

use super::first_sentence;
use crate::connector::{Connector, Kind, Role};
use crate::name::{IntegrationId, Slug};
use crate::value::Settings;

/// A file of an integration that is to be.
#[derive(Debug, Clone)]
pub struct NewFile {
    /// Its id; it survives renames.
    pub id: IntegrationId,
    /// Its connector.
    pub connector: Arc<Connector>,
    /// What people call it.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The loader its records go to.
    pub loader: Option<Slug>,
    /// When it is synced.
    pub schedule: Option<String>,
    /// The time zone of that.
    pub timezone: Option<String>,
    /// Which streams and fields are read.
    pub select: Vec<String>,
    /// Words to find it by.
    pub tags: BTreeSet<String>,
    /// Values of settings that are no secrets.
    pub config: Settings,
}

impl NewFile {
    /// Returns the file's text, without secrets.
    #[must_use]
    pub fn text(&self) -> String {
        let mut file = DocumentMut::new();
        let role = (self.connector.role == Role::Loader).then(|| "loader".to_owned());
        let texts = [
            ("id", Some(self.id.to_string())),
            ("type", Some(self.connector.name.clone())),
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
            file.insert("config", Item::Table(self.config()));
        }
        format!("{}{file}", self.head())
    }

    fn head(&self) -> String {
        let Connector { label, description, docs, .. } = &*self.connector;
        let what = first_sentence(description);
        let what = if what.is_empty() { String::new() } else { format!(": {what}") };
        let docs = docs.as_ref().map(|docs| format!("# {docs}\n")).unwrap_or_default();
        format!("# {label}{what}\n{docs}")
    }

    /// The settings in the order of the definition, each with its first sentence above it.
    fn config(&self) -> Table {
        let mut table = Table::new();
        table.decor_mut().set_prefix("\n");
        for setting in &self.connector.settings {
            let Some(answer) = self.config.get(&setting.name) else { continue };
            let Some(written) = written(&setting.kind, answer) else { continue };
            let said = setting.description.as_deref().map(first_sentence).filter(|said| !said.is_empty());
            let comment = said.map(|said| format!("# {said}\n")).unwrap_or_default();
            let keys: Vec<Key> = setting.name.split('.').map(Key::new).collect();
            insert(&mut table, &keys, (value(written), &comment));
        }
        table
    }
}

/// Inserts a value; dots part nested settings, which are written as they are named: `local.folders = [...]`.
fn insert(table: &mut Table, keys: &[Key], (item, comment): (Item, &str)) {
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
                insert(inner, rest, (item, comment));
            }
        }
    }
}

fn written(kind: &Kind, answer: &Value) -> Option<toml_edit::Value> {
    let date = || answer.as_str()?.parse::<toml_edit::Datetime>().ok();
    if *kind == Kind::Date
        && let Some(date) = date()
    {
        return Some(date.into());
    }
    answer.serialize(ValueSerializer::new()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::connector::Catalog;
    use crate::problem::Problems;

    #[test]
    fn a_file_is_written_in_the_order_of_the_documentation_with_what_each_setting_is() {
        let catalog = Catalog::new(&[], &mut Problems::default());
        let file = NewFile {
            id: IntegrationId(Uuid::nil()),
            connector: catalog.find(Role::Extractor, "salesforce").unwrap(),
            name: Some("Salesforce".to_owned()),
            description: None,
            loader: Some("warehouse".parse().unwrap()),
            schedule: Some("@hourly".to_owned()),
            timezone: None,
            select: vec!["Account.*".to_owned()],
            tags: ["crm".to_owned()].into(),
            config: [
                ("api_type".to_owned(), json!("BULK")),
                ("start_date".to_owned(), json!("2024-01-01T00:00:00Z")),
                ("is_sandbox".to_owned(), json!(true)),
            ]
            .into(),
        };
        let text = file.text();
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
    fn nested_settings_are_written_by_their_names() {
        let catalog = Catalog::new(&[], &mut Problems::default());
        let file = NewFile {
            id: IntegrationId(Uuid::nil()),
            connector: catalog.find(Role::Extractor, "singer-jsonl").unwrap(),
            name: None,
            description: None,
            loader: None,
            schedule: None,
            timezone: None,
            select: Vec::new(),
            tags: BTreeSet::new(),
            config: [("local.folders".to_owned(), json!(["data"]))].into(),
        };
        assert!(file.text().contains("local.folders = [\"data\"]\n"), "{}", file.text());
    }
}
