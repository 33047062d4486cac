//! Connectors of imported plugins: which settings exist, their kinds, and which of them are secret.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::adopted::{Adopted, LeftAlone};
use super::ascii::ascii;
use super::inventory::{Inventory, Plugin};
use super::part::{CommentedValue, Why};
use super::plugin_key::PluginKey;
use super::secrets::SettingFacts;
use crate::connector::read::is_option;
use crate::connector::{Catalog, Connector, Kind};
use crate::integration::check::is_reference;
use crate::name::SettingName;
use crate::secrecy;
use crate::toml_text::{inline, value};
use crate::value::expansion::has_variable;

/// The definitions that Meltano stores next to the project, by plugin.
pub type Locks = BTreeMap<PluginKey, Value>;

/// A connector that import writes.
#[derive(Debug, Default)]
pub struct Definition {
    /// The content of the file besides its settings.
    head: Map<String, Value>,
    settings: BTreeMap<String, Declared>,
}

/// A setting, as far as it is declared anywhere.
#[derive(Debug, Default, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "independent flags, as declarations and values set them")]
struct Declared {
    kind: Option<Kind>,
    /// Whether a value has shown its real kind. Declared kinds are often wrong, because Meltano does not enforce them.
    is_seen: bool,
    /// `label` and `description`.
    words: Map<String, Value>,
    options: Vec<Value>,
    is_secret: bool,
    /// Whether it is declared not to be a secret.
    is_said_open: bool,
    /// Whether one of its values stays in plaintext, for example a variable inside a string, which cannot be encrypted.
    is_open: bool,
}

/// Gives every adopted plugin the connector of the plugin that it ultimately inherits from.
pub fn connectors(
    adopted: &mut Vec<Adopted>,
    found: &Inventory<'_>,
    catalog: &Catalog,
    locks: &Locks,
    left: &mut LeftAlone,
) -> BTreeMap<PluginKey, Definition> {
    let mut definitions: BTreeMap<PluginKey, Definition> = BTreeMap::new();
    let names = names(adopted);
    adopted.retain_mut(|one| {
        let root = one.ancestors.last().unwrap_or(&one.key).clone();
        let chain: Vec<&PluginKey> = std::iter::once(&one.key).chain(&one.ancestors).collect();
        // If its values do not fit with those of other plugins, it gets its own connector.
        let mut why = None;
        for key in [root, one.key.clone()] {
            let name = names[&key].clone();
            let definition = definitions
                .entry(PluginKey { role: key.role, name: name.clone() })
                .or_insert_with(|| Definition::of(&key, &name, found, catalog, locks));
            match definition.take(one, &chain, found) {
                Ok(()) => {
                    one.connector = name;
                    return true;
                }
                Err(reason) => why = Some(reason),
            }
        }
        left.extend(why.map(|why| (one.key.clone(), why)));
        false
    });
    let used: BTreeSet<PluginKey> =
        adopted.iter().map(|one| PluginKey { role: one.key.role, name: one.connector.clone() }).collect();
    definitions.retain(|key, _| used.contains(key));
    definitions
}

/// Converts a plugin's name to a valid connector name, which is used as a file name.
fn connector_name(plugin: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' };
    ascii(plugin).chars().map(letter).collect::<String>().trim_start_matches('-').to_owned()
}

/// Names the connector of each plugin that may need one. The names are unique, and plugins with a valid name keep it.
fn names(adopted: &[Adopted]) -> BTreeMap<PluginKey, String> {
    let all = adopted.iter().flat_map(|one| [one.ancestors.last().unwrap_or(&one.key), &one.key]);
    let mut keys: Vec<&PluginKey> = all.collect::<BTreeSet<_>>().into_iter().collect();
    keys.sort_by_key(|key| connector_name(&key.name) != key.name);
    let (mut names, mut taken) = (BTreeMap::new(), BTreeSet::new());
    for key in keys {
        let stem = connector_name(&key.name);
        let all = std::iter::once(stem.clone()).chain((2..).map(|number| format!("{stem}-{number}")));
        // Always finds one, because there are infinitely many numbers.
        let free = all.into_iter().find(|name| !taken.contains(&(key.role, name.to_ascii_lowercase())));
        let name = free.unwrap_or(stem);
        taken.insert((key.role, name.to_ascii_lowercase()));
        names.insert(key.clone(), name);
    }
    names
}

impl Definition {
    fn of(key: &PluginKey, name: &str, found: &Inventory<'_>, catalog: &Catalog, locks: &Locks) -> Self {
        let plugin = found.plugin(key);
        let known = |name: &str| {
            plugin.and_then(|plugin| plugin.value.get(name)).cloned().or_else(|| locks.get(key)?.get(name).cloned())
        };
        let mut definition = Self::default();
        let mut head = Map::from_iter([("kind".to_owned(), json!(key.role.to_string()))]);
        head.extend(known("label").filter(Value::is_string).map(|label| ("label".to_owned(), label)));
        // New integrations inherit from a plugin of this name, which no other plugin in the file may have.
        let name = format!("{name}-base");
        let namespace = key.name.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        let mut plugin = Map::from_iter([
            ("name".to_owned(), json!(name)),
            ("namespace".to_owned(), known("namespace").filter(Value::is_string).unwrap_or_else(|| json!(namespace))),
            ("executable".to_owned(), known("executable").filter(Value::is_string).unwrap_or_else(|| json!(key.name))),
        ]);
        for (word, is) in [
            ("variant", Value::is_string as fn(&Value) -> bool),
            ("pip_url", Value::is_string),
            ("capabilities", is_texts),
        ] {
            plugin.extend(known(word).filter(is).map(|value| (word.to_owned(), value)));
        }
        plugin.entry("pip_url").or_insert_with(|| json!(key.name));
        head.insert("plugin".to_owned(), Value::Object(plugin));
        definition.head = head;
        for declared in locks.get(key).into_iter().flat_map(settings) {
            definition.declare(declared);
        }
        for connector in of_plugin(catalog, key) {
            for setting in &connector.settings {
                let declared = definition.settings.entry(setting.name.clone()).or_default();
                declared.is_secret |= setting.secret;
                let kind = Some(&setting.kind).filter(|kind| is_inferred(kind));
                declared.kind = declared.kind.take().or_else(|| kind.cloned());
            }
        }
        definition
    }

    /// Adds a setting from Meltano's `settings`.
    fn declare(&mut self, setting: &Value) {
        let Some(name) = setting["name"].as_str() else { return };
        let word = setting["kind"].as_str().unwrap_or_default();
        let declared = self.settings.entry(name.to_owned()).or_default();
        let said = is_secret(setting);
        declared.is_secret |= said == Some(true);
        declared.is_said_open |= said == Some(false);
        let kind = Kind::WORDS.iter().find(|(known, _)| *known == word && word != "options");
        if !declared.is_seen {
            declared.kind = kind.map(|(_, make)| make(Vec::new()));
        }
        if word == "options" && !declared.is_seen {
            let options = setting["options"].as_array().cloned().unwrap_or_default();
            declared.options = options.into_iter().filter(|option| is_option(&option["value"])).collect();
        }
        for word in ["label", "description"] {
            let text = setting[word].as_str().map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
            declared.words.extend(text.map(|text| (word.to_owned(), json!(text))));
        }
    }

    /// Adds the settings of a plugin, and checks that its values fit with those of other plugins.
    fn take(&mut self, one: &Adopted, chain: &[&PluginKey], found: &Inventory<'_>) -> Result<(), Why> {
        let mut settings_now = Self { head: Map::new(), settings: self.settings.clone() };
        for plugin in chain.iter().rev().filter_map(|key| found.plugin(key)) {
            settings(&plugin.value).for_each(|setting| settings_now.declare(setting));
        }
        let parts = std::iter::once(&one.base).chain(one.overlays.values());
        for said in parts.flat_map(|part| &part.config) {
            let declared = settings_now.settings.entry(said.name.clone()).or_default();
            declared.is_open |= is_open(said);
            declared.fit(said)?;
            // A value from a fixed list is not a secret, whatever its name.
            let is_chosen = !declared.options.is_empty();
            declared.is_secret |= secrecy::is_name(&said.name) && !declared.is_said_open && !is_chosen;
        }
        for name in &one.declared {
            let declared = settings_now.settings.entry(name.clone()).or_default();
            declared.is_secret |= secrecy::is_name(name) && !declared.is_said_open;
        }
        for name in one.base.secrets.keys().chain(one.overlays.values().flat_map(|part| part.secrets.keys())) {
            settings_now.settings.entry(name.clone()).or_default().is_secret = true;
        }
        self.settings = settings_now.settings;
        Ok(())
    }

    /// Returns the text of the file.
    #[must_use]
    pub fn text(&self, key: &PluginKey, stem: &str) -> String {
        let mut text = format!(
            "# The settings of `{}`, as far as `meltano.yml` knew them when it was imported: add what is missing.\n",
            key.name
        );
        let mut head = self.head.clone();
        if key.name != stem {
            head.insert("name".to_owned(), json!(key.name));
        }
        lines(&mut text, &head, &["name", "kind", "label"]);
        let settings = self.settings.iter().filter(|(name, _)| SettingName::new(name).is_definable());
        let settings: Vec<String> = settings.map(|(name, declared)| line(&declared.table(name))).collect();
        if !settings.is_empty() {
            let _ = write!(text, "settings = [\n{}]\n", settings.concat());
        }
        text.push_str("\n[plugin]\n");
        let order = ["name", "variant", "namespace", "pip_url", "executable", "capabilities"];
        lines(&mut text, head["plugin"].as_object().unwrap_or(&Map::new()), &order);
        text
    }
}

/// Writes members of a table in the order in which people read them.
fn lines(text: &mut String, members: &Map<String, Value>, order: &[&str]) {
    for (word, said) in order.iter().filter_map(|word| Some((word, members.get(*word)?))) {
        let _ = writeln!(text, "{word} = {}", value(said));
    }
}

/// Writes a setting on a line of its own, because a definition has hundreds, most of them unused.
fn line(setting: &Map<String, Value>) -> String {
    let order = ["name", "kind", "secret", "options", "label", "description"];
    let members = order.iter().filter_map(|word| Some((*word, setting.get(*word)?)));
    let members: Vec<String> = members.map(|(word, said)| format!("{word} = {}", inline(said))).collect();
    format!("  {{ {} }},\n", members.join(", "))
}

impl Declared {
    fn fit(&mut self, said: &CommentedValue) -> Result<(), Why> {
        if said.value.as_str().is_some_and(has_variable) {
            return Ok(());
        }
        let is_option = |option: &Value| option["value"] == said.value;
        if !self.options.is_empty() && !self.options.iter().any(is_option) {
            self.options.clear();
        }
        let found = Kind::of(&said.value);
        self.kind = match self.kind.take() {
            Some(kind) if kind.check(&said.value).is_ok() => Some(kind),
            Some(Kind::Integer) if found == Kind::Decimal => Some(Kind::Decimal),
            // A date or an option is text.
            Some(kind) if found == Kind::String && !is_inferred(&kind) => Some(found),
            Some(_) if self.is_seen => {
                let what = format!("`{}` has a different kind elsewhere", said.name);
                return Err(Why { what, at: said.at });
            }
            Some(_) | None => Some(found),
        };
        self.is_seen = true;
        Ok(())
    }

    fn table(&self, name: &str) -> Map<String, Value> {
        let mut table = Map::from_iter([("name".to_owned(), json!(name))]);
        table.extend(self.words.clone());
        if self.options.is_empty() {
            // Text is the default.
            let kind = self.kind.as_ref().filter(|kind| **kind != Kind::String);
            table.extend(kind.map(|kind| ("kind".to_owned(), json!(kind.word()))));
        } else {
            table.insert("kind".to_owned(), json!("options"));
            table.insert("options".to_owned(), Value::Array(self.options.clone()));
        }
        let kind = self.kind.as_ref().filter(|_| self.options.is_empty()).unwrap_or(&Kind::String);
        if self.is_secret && !self.is_open && !self.is_said_open {
            table.insert("secret".to_owned(), json!(true));
        } else if self.is_said_open || (self.options.is_empty() && kind.is_secret_as(name)) {
            // If it is omitted, the name determines it.
            table.insert("secret".to_owned(), json!(false));
        }
        table
    }
}

/// Tells whether a check would treat a value as a secret in plaintext, although it cannot be encrypted.
fn is_open(said: &CommentedValue) -> bool {
    match &said.value {
        Value::String(text) => !text.is_empty() && !is_reference(text),
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => true,
    }
}

/// Tells whether a kind is inferred from values, without further restrictions.
fn is_inferred(kind: &Kind) -> bool {
    match kind {
        Kind::String | Kind::Integer | Kind::Decimal | Kind::Boolean | Kind::Array | Kind::Object => true,
        Kind::Date | Kind::Email | Kind::File | Kind::Options(_) => false,
    }
}

fn is_texts(value: &Value) -> bool {
    value.as_array().is_some_and(|items| items.iter().all(Value::is_string))
}

/// Returns the settings that a plugin declares.
pub(super) fn settings(plugin: &Value) -> impl Iterator<Item = &Value> {
    plugin["settings"].as_array().into_iter().flatten()
}

/// Returns the built-in connectors for a plugin.
fn of_plugin(catalog: &Catalog, key: &PluginKey) -> Vec<std::sync::Arc<Connector>> {
    let all = catalog.names(key.role).filter_map(|name| catalog.find(key.role, name));
    all.filter(|connector| connector.plugin.name == key.name).collect()
}

/// Returns whether Meltano's definition declares a setting as a secret, if it says so credibly.
fn is_secret(setting: &Value) -> Option<bool> {
    let is_never = setting["name"].as_str().is_some_and(secrecy::is_never);
    match (&setting["kind"], &setting["sensitive"]) {
        (Value::String(kind), _) if kind == "password" => Some(!is_never),
        (_, Value::Bool(is_sensitive)) => Some(*is_sensitive && !is_never),
        _ => None,
    }
}

/// Returns which settings a plugin or its parents declare as secret, and which as not secret.
#[must_use]
pub fn declared(one: &Adopted, found: &Inventory<'_>, catalog: &Catalog, locks: &Locks) -> SettingFacts {
    let mut known = SettingFacts::default();
    let chain = std::iter::once(&one.key).chain(&one.ancestors);
    for key in chain {
        let declared = found.plugin(key).map(|plugin: &Plugin<'_>| settings(&plugin.value)).into_iter().flatten();
        let declared: Vec<&Value> = declared.collect();
        known.own.extend(declared.iter().filter_map(|setting| setting["name"].as_str()).map(str::to_owned));
        for setting in declared.into_iter().chain(locks.get(key).into_iter().flat_map(settings)) {
            let kind = setting["kind"].as_str().map(str::to_owned);
            let Some(name) = setting["name"].as_str() else { continue };
            match is_secret(setting) {
                Some(true) => drop(known.secret.insert(name.to_owned(), kind)),
                Some(false) => drop(known.open.insert(name.to_owned())),
                // A value from a fixed list is not a secret, whatever its name.
                None if kind.as_deref() == Some("options") => drop(known.chosen.insert(name.to_owned())),
                None => {}
            }
        }
        for connector in of_plugin(catalog, key) {
            let secret = connector.settings.iter().filter(|setting| setting.secret);
            known.secret.extend(secret.map(|setting| (setting.name.clone(), Some(setting.kind.word().to_owned()))));
        }
    }
    // The nearest declaration overrides inherited ones.
    known.secret.retain(|name, _| !known.open.contains(name));
    known
}
