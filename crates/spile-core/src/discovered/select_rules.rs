//! What `select` and `metadata` select of a stream: the rules of Meltano 4.4's `catalog.py`, applied in the same way.

use indexmap::IndexSet;
use serde_json::{Map, Value};

use super::{Inclusion, Stream};
use crate::integration::select::{Glob, MetadataKey, Pattern, breadcrumb, field_glob};
use crate::integration::{Declaration, Integration};

/// The rules, in the order in which Meltano applies them: later rules win.
#[derive(Debug, Clone)]
pub struct Rules {
    rules: Vec<Rule>,
    are_heeded: bool,
}

#[derive(Debug, Clone)]
struct Rule {
    stream: Glob,
    /// The fields, by breadcrumb; `None` for the stream itself.
    fields: Option<Glob>,
    effect: Effect,
}

#[derive(Debug, Clone, Copy)]
enum Effect {
    Select(bool),
    Include(Inclusion),
}

/// Whether a stream or a field is read, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Read, because it is selected.
    Selected,
    /// Always read with its stream, selected or not.
    Automatic,
    /// Not read, because it is not selected.
    Excluded,
    /// Not read, because the tap cannot read it.
    Unsupported,
}

impl Taken {
    /// Tells whether it is read.
    #[must_use]
    pub fn is_read(self) -> bool {
        matches!(self, Self::Selected | Self::Automatic)
    }
}

impl Rules {
    /// Returns the rules of an integration for one environment's declaration.
    #[must_use]
    pub fn of(integration: &Integration, declaration: &Declaration) -> Self {
        let rules = Self::selecting(&declaration.select).with_metadata(&integration.connector.metadata);
        Self { are_heeded: can_select(integration), ..rules.with_metadata(&declaration.metadata) }
    }

    /// Appends the rules of `metadata`, whose keys are patterns of streams or of their fields.
    #[must_use]
    pub fn with_metadata(mut self, metadata: &Map<String, Value>) -> Self {
        for (key, value) in metadata {
            let MetadataKey { stream, field } = MetadataKey::parse(key);
            self.add_metadata(stream, field, value);
        }
        self
    }

    /// Returns the rules of patterns alone. Without patterns, everything is selected.
    #[must_use]
    pub fn selecting(patterns: &IndexSet<String>) -> Self {
        let mut rules = Self { rules: Vec::new(), are_heeded: true };
        rules.add_pattern("!*.*");
        if patterns.is_empty() {
            rules.add_pattern("*.*");
        }
        let (exclude, include): (Vec<&String>, Vec<_>) = patterns.iter().partition(|one| one.starts_with('!'));
        include.into_iter().chain(exclude).for_each(|pattern| rules.add_pattern(pattern));
        rules
    }

    fn add_pattern(&mut self, pattern: &str) {
        let Pattern { stream, field, is_negated } = Pattern::parse(pattern);
        let effect = Effect::Select(!is_negated);
        let mut add = |fields| self.rules.push(Rule { stream: stream.clone(), fields, effect });
        let Some(field) = field else {
            add(None);
            add(Some(field_glob("*")));
            return;
        };
        if !is_negated || field == "*" {
            add(None);
        }
        add(Some(field_glob(&field)));
        if !is_negated {
            // The parents of a nested field are read with it.
            field.match_indices('.').for_each(|(at, _)| add(Some(field_glob(&field[..at]))));
        }
    }

    /// Adds the rules of one key. Tables in the metadata of a stream are the metadata of its fields.
    fn add_metadata(&mut self, stream: &str, field: Option<&str>, keys: &Value) {
        for (key, value) in keys.as_object().unwrap_or(&Map::new()) {
            let effect = match (key.as_str(), value) {
                (_, Value::Object(_)) => {
                    let nested = field.map_or_else(|| key.clone(), |field| format!("{field}.{key}"));
                    self.add_metadata(stream, Some(&nested), value);
                    continue;
                }
                ("selected", Value::Bool(selected)) => Effect::Select(*selected),
                ("inclusion", Value::String(word)) => match Inclusion::of(word) {
                    Some(inclusion) => Effect::Include(inclusion),
                    None => continue,
                },
                (_, _) => continue,
            };
            self.rules.push(Rule { stream: Glob::from(stream), fields: field.map(field_glob), effect });
        }
    }

    /// Returns whether a stream is read, and whether each of its fields is, in order.
    #[must_use]
    pub fn take(&self, stream: &Stream) -> (Taken, Vec<Taken>) {
        if !self.are_heeded {
            return (Taken::Automatic, stream.fields.iter().map(|_| Taken::Automatic).collect());
        }
        let rules: Vec<&Rule> = self.rules.iter().filter(|rule| rule.stream.matches(&stream.name)).collect();
        let own = rules.iter().filter(|rule| rule.fields.is_none());
        let own = taken(stream.inclusion, own.map(|rule| rule.effect));
        let fields = stream.fields.iter().map(|field| {
            let at = breadcrumb(field.path.iter().map(String::as_str));
            let applied = rules.iter().filter(|rule| rule.fields.as_ref().is_some_and(|fields| fields.matches(&at)));
            let found = taken(field.inclusion, applied.map(|rule| rule.effect));
            if own.is_read() { found } else { Taken::Excluded }
        });
        (own, fields.collect())
    }
}

/// Tells whether Meltano can pass a selection to the tap of an integration. If not, the tap reads what it likes.
#[must_use]
pub fn can_select(integration: &Integration) -> bool {
    // The connector of a plugin that the user's template defines need not list its capabilities.
    let is_unknown = integration.connector.plugin.capabilities.is_empty() && integration.plugin.is_some();
    is_unknown || integration.connector.can_select()
}

fn taken(mut inclusion: Inclusion, effects: impl Iterator<Item = Effect>) -> Taken {
    let mut is_selected = false;
    for effect in effects {
        match effect {
            Effect::Select(selected) => is_selected = selected && inclusion != Inclusion::Unsupported,
            Effect::Include(said) => inclusion = said,
        }
    }
    match inclusion {
        Inclusion::Automatic => Taken::Automatic,
        Inclusion::Unsupported => Taken::Unsupported,
        Inclusion::Available if is_selected => Taken::Selected,
        Inclusion::Available => Taken::Excluded,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::discovered::Field;

    fn stream() -> Stream {
        let field = |path: &str, inclusion| Field {
            path: path.split('.').map(str::to_owned).collect(),
            types: Vec::new(),
            inclusion,
        };
        Stream {
            fields: vec![
                field("a", Inclusion::Available),
                field("blob", Inclusion::Unsupported),
                field("id", Inclusion::Automatic),
                field("who", Inclusion::Available),
                field("who.name", Inclusion::Available),
            ],
            ..Stream::named("orders")
        }
    }

    /// The fields that are read.
    fn read(rules: &Rules) -> Vec<String> {
        let stream = stream();
        let (_, fields) = rules.take(&stream);
        let read = stream.fields.iter().zip(fields).filter(|(_, taken)| taken.is_read());
        read.map(|(field, _)| field.name()).collect()
    }

    fn selected(patterns: &[&str]) -> Vec<String> {
        read(&Rules::selecting(&patterns.iter().map(ToString::to_string).collect()))
    }

    #[test]
    fn patterns_select_what_they_select_in_meltano() {
        assert_eq!(selected(&[]), ["a", "id", "who", "who.name"]);
        assert_eq!(selected(&["orders"]), selected(&["orders.*"]));
        assert_eq!(selected(&["others.*"]), Vec::<String>::new());
        assert_eq!(selected(&["orders.a"]), ["a", "id"]);
        assert_eq!(selected(&["orders.who"]), ["id", "who"]);
        assert_eq!(selected(&["orders.who.name"]), ["id", "who", "who.name"]);
        assert_eq!(selected(&["*.*", "!orders.id", "!orders.who.*"]), ["a", "id", "who"]);
        assert_eq!(selected(&["*.*", "!orders"]), Vec::<String>::new());
        assert_eq!(selected(&["!*.a", "o*.*"]), ["id", "who", "who.name"]);
        assert_eq!(selected(&["orders.blob"]), ["id"]);
    }

    #[test]
    fn metadata_has_the_last_word() {
        let with = |rules: Rules, metadata: Value| rules.with_metadata(metadata.as_object().unwrap());
        let fields = json!({"who": {"name": {"selected": true}}, "id": {"inclusion": "available"}});
        let rules = Rules::selecting(&["orders.a".to_owned()].into());
        let rules = with(rules, json!({"ord*": fields, "orders.a": {"selected": false}}));
        assert_eq!(read(&rules), ["who.name"]);
        assert_eq!(read(&with(rules, json!({"orders": {"selected": false}}))), Vec::<String>::new());
    }
}
