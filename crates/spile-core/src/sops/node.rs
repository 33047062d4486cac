//! Nodes: the content of a sops document in the order in which it was written, because the MAC depends on the order.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The members of a map, as written.
pub type Members = Vec<(String, Node)>;

/// One value of a document, read from JSON, YAML or TOML.
#[derive(Clone, PartialEq)]
pub enum Node {
    /// Null, which TOML does not have.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// Text, including every ciphertext.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map.
    Map(Members),
}

/// Hides the content, because it may be a secret that was never encrypted.
impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Node")
    }
}

impl Node {
    /// Returns a member of a map.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        match self {
            Self::Map(members) => find(members, key),
            _ => None,
        }
    }

    /// Returns the text, if the node is a text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the items of a list. Null counts as an empty list, because old versions wrote it.
    #[must_use]
    pub fn items(&self) -> &[Node] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// Tells whether the node is `null` or an empty text, list or map.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Map(members) => members.is_empty(),
            Self::Bool(_) | Self::Integer(_) | Self::Float(_) => false,
        }
    }
}

/// Returns the member with a name.
#[must_use]
pub fn find<'a>(members: &'a [(String, Node)], key: &str) -> Option<&'a Node> {
    members.iter().find(|(name, _)| name == key).map(|(_, node)| node)
}

/// Returns a TOML table as members in text order. Datetimes become text.
#[must_use]
pub fn from_toml(table: &DeTable<'_>) -> Members {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries.into_iter().map(|(key, value)| (key.get_ref().to_string(), from_value(value))).collect()
}

fn from_value(value: &Spanned<DeValue<'_>>) -> Node {
    match value.get_ref() {
        DeValue::String(text) => Node::Text(text.to_string()),
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
            .map_or_else(|_| Node::Text(integer.to_string()), Node::Integer),
        DeValue::Float(float) => {
            float.as_str().parse().map_or_else(|_| Node::Text(float.as_str().to_owned()), Node::Float)
        }
        DeValue::Boolean(flag) => Node::Bool(*flag),
        DeValue::Datetime(datetime) => Node::Text(datetime.to_string()),
        DeValue::Array(items) => Node::List(items.iter().map(from_value).collect()),
        DeValue::Table(table) => Node::Map(from_toml(table)),
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => to.serialize_unit(),
            Self::Bool(flag) => to.serialize_bool(*flag),
            Self::Integer(number) => to.serialize_i64(*number),
            Self::Float(number) => to.serialize_f64(*number),
            Self::Text(text) => to.serialize_str(text),
            Self::List(items) => {
                let mut list = to.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Self::Map(members) => {
                let mut map = to.serialize_map(Some(members.len()))?;
                members.iter().try_for_each(|(key, node)| map.serialize_entry(key, node))?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a sops document")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Node, D::Error> {
        from.deserialize_any(Self)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Node, E> {
        Ok(Node::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Integer(number))
    }

    #[expect(clippy::cast_precision_loss, reason = "sops reads what is beyond 64 bits with a sign as a float too")]
    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(i64::try_from(number).map_or(Node::Float(number as f64), Node::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        Ok(Node::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Node, E> {
        Ok(Node::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut members = Members::new();
        let mut known = BTreeSet::new();
        while let Some((key, node)) = map.next_entry::<String, Node>()? {
            if !known.insert(key.clone()) {
                return Err(serde::de::Error::custom(format_args!("the key `{key}` is defined twice")));
            }
            members.push((key, node));
        }
        Ok(Node::Map(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_of_a_node_hides_its_content() {
        let secret = Node::Text("hunter2".to_owned());
        let map = Node::Map(vec![("password".to_owned(), secret.clone())]);
        assert_eq!(format!("{:?}", [Node::List(vec![secret]), map]), "[Node, Node]");
    }

    #[test]
    fn values_that_json_and_toml_cannot_express_are_refused() {
        let error = yaml_serde::from_str::<Node>("!vault hunter2").unwrap_err().to_string();
        assert!(error.contains("expected a value of a sops document"), "{error}");
    }
}
