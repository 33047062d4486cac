//! A connector as the catalog and its page show it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::connector_facts::Tried;
use crate::logos;
use spile_core::connector::{Connector, Head, Role};
use spile_core::form;
use spile_core::run::certify::Grade;
use spile_ops::connectors::{Origin, ShelfEntry};

/// The start of the names of connectors whose definitions are on the hub.
pub const ON_HUB: &str = "hub:";

/// Returns the address of a connector's page.
pub fn path(role: Role, name: &str) -> String {
    match name.strip_prefix(ON_HUB) {
        Some(plugin) => format!("/marketplace/hub/{role}/{plugin}"),
        None => format!("/marketplace/{role}/{name}"),
    }
}

/// A connector in an address.
#[derive(Deserialize)]
pub struct Identity {
    /// Its role.
    pub kind: Role,
    /// Its name.
    pub name: String,
}

/// Tells whether a connector has to be added from the hub before it can be used.
fn is_on_hub(origin: &Origin) -> bool {
    matches!(origin, Origin::Hub(_) | Origin::OnHub(_))
}

/// Tells whether a link leads to the web. Definitions from elsewhere may not lead to anything else.
fn by_web(link: &str) -> bool {
    link.starts_with("https://") || link.starts_with("http://")
}

/// Returns a connector as the catalog shows it.
pub fn card(one: &ShelfEntry, grades: &BTreeMap<String, Grade>) -> Value {
    let Head { name, role, label, description, category, docs, .. } = &one.head;
    let docs = docs.as_ref().filter(|docs| by_web(docs));
    let grade = grades.get(name).filter(|_| *role == Role::Extractor).map(|grade| (grade.letter(), grade.meaning()));
    // Several people have written plugins for the same source.
    let by = match &one.origin {
        Origin::Hub(plugin) => Some(plugin.variant.as_str()),
        Origin::OnHub(fact) => Some(fact.variant.as_str()),
        Origin::BuiltIn | Origin::File(_) => None,
    };
    json!({
        "name": name, "kind": role, "label": label, "by": by, "description": form::first_sentence(description),
        "category": category, "is_ready": !is_on_hub(&one.origin), "path": path(*role, name),
        "monogram": monogram(label), "logo": logos::path(*role, name, one.head.logo.as_deref()), "docs": docs,
        "grade": grade, "tried": Tried::of(&one.head).map(Tried::label),
    })
}

/// Returns a connector's mark: its logo, or the first letters of its label.
pub fn mark(connector: &Connector) -> Value {
    let logo = logos::path(connector.head.role, &connector.head.name, connector.head.logo.as_deref());
    json!({ "label": connector.head.label, "monogram": monogram(&connector.head.label), "logo": logo })
}

fn monogram(label: &str) -> String {
    let words = label.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let letters: String = words.take(2).filter_map(|word| word.chars().next()).collect();
    letters.to_uppercase()
}
