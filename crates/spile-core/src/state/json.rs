//! JSON whose numbers and texts stay as they are written.
//!
//! A bookmark may be a number of any length, and a tap compares it digit by digit. [`serde_json::Value`] keeps what fits into
//! 64 bits.

use std::fmt::{self, Write};

use indexmap::IndexMap;
use serde_json::Value;
use serde_json::value::RawValue;

/// How deep a document may be: a state is a handful of levels, and what goes on for ever is refused.
const DEEPEST: usize = 64;

/// A value of a JSON document. Two are equal if their members are, in any order, and their scalars to the byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// Members in the order of the document.
    Object(IndexMap<String, Json>),
    /// A list.
    Array(Vec<Json>),
    /// A number, text, `true`, `false` or `null`, as the document writes it.
    Scalar(String),
}

/// Text that is not JSON, or too deep.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotJson(String);

impl NotJson {
    pub(super) fn no_object() -> Self {
        Self("it is not a JSON object".to_owned())
    }
}

impl Json {
    /// Returns an object without members.
    #[must_use]
    pub fn empty() -> Self {
        Self::Object(IndexMap::new())
    }

    /// Returns a text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Scalar(quoted(text))
    }

    /// Reads a document.
    ///
    /// # Errors
    /// When it is not JSON, or too deep.
    pub fn parse(text: &str) -> Result<Self, NotJson> {
        let raw = serde_json::from_str::<&RawValue>(text).map_err(|error| NotJson(error.to_string()))?;
        Self::of(raw, DEEPEST)
    }

    fn of(raw: &RawValue, depth: usize) -> Result<Self, NotJson> {
        let text = raw.get();
        let below = depth.checked_sub(1).ok_or_else(|| NotJson(format!("it is more than {DEEPEST} levels deep")))?;
        let not_json = |error: serde_json::Error| NotJson(error.to_string());
        match text.as_bytes().first() {
            Some(b'{') => {
                let members: IndexMap<String, &RawValue> = serde_json::from_str(text).map_err(not_json)?;
                let members = members.into_iter().map(|(key, raw)| Ok((key, Self::of(raw, below)?)));
                Ok(Self::Object(members.collect::<Result<_, NotJson>>()?))
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(text).map_err(not_json)?;
                Ok(Self::Array(items.into_iter().map(|raw| Self::of(raw, below)).collect::<Result<_, _>>()?))
            }
            _ => Ok(Self::Scalar(text.to_owned())),
        }
    }

    /// Returns the member of an object.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.members()?.get(key)
    }

    /// Returns the members of an object.
    #[must_use]
    pub fn members(&self) -> Option<&IndexMap<String, Self>> {
        match self {
            Self::Object(members) => Some(members),
            Self::Array(_) | Self::Scalar(_) => None,
        }
    }

    /// Returns the members of an object, to be changed.
    pub fn members_mut(&mut self) -> Option<&mut IndexMap<String, Self>> {
        match self {
            Self::Object(members) => Some(members),
            Self::Array(_) | Self::Scalar(_) => None,
        }
    }

    /// Returns the items of a list.
    #[must_use]
    pub fn items(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            Self::Object(_) | Self::Scalar(_) => None,
        }
    }

    /// Returns a text, without its quotes.
    #[must_use]
    pub fn as_text(&self) -> Option<String> {
        match self {
            Self::Scalar(text) if text.starts_with('"') => serde_json::from_str(text).ok(),
            Self::Object(_) | Self::Array(_) | Self::Scalar(_) => None,
        }
    }

    /// Tells whether it is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Scalar(text) if text == "null")
    }

    /// Tells whether it is neither an object nor a list.
    #[must_use]
    pub fn is_scalar(&self) -> bool {
        matches!(self, Self::Scalar(_))
    }

    /// Returns it as people read it: a text without its quotes, everything else as JSON.
    #[must_use]
    pub fn shown(&self) -> String {
        self.as_text().unwrap_or_else(|| self.to_string())
    }

    /// Returns it as a plain value, in which long numbers lose digits; to be compared with what a registry keeps so.
    #[must_use]
    pub fn to_value(&self) -> Value {
        serde_json::from_str(&self.to_string()).unwrap_or_default()
    }
}

impl fmt::Display for Json {
    /// Writes it as Python does: so do Meltano and taps.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(text) => f.write_str(text),
            Self::Array(items) => {
                f.write_char('[')?;
                for (place, item) in items.iter().enumerate() {
                    f.write_str(if place == 0 { "" } else { ", " })?;
                    write!(f, "{item}")?;
                }
                f.write_char(']')
            }
            Self::Object(members) => {
                f.write_char('{')?;
                for (place, (key, value)) in members.iter().enumerate() {
                    f.write_str(if place == 0 { "" } else { ", " })?;
                    write!(f, "{}: {value}", quoted(key))?;
                }
                f.write_char('}')
            }
        }
    }
}

impl serde::Serialize for Json {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw = RawValue::from_string(self.to_string()).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

/// Returns a text as Python's `json` writes it: in ASCII.
fn quoted(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    let mut ascii = String::with_capacity(quoted.len());
    let mut units = [0; 2];
    for c in quoted.chars() {
        if c.is_ascii() && c != '\u{7f}' {
            ascii.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut units) {
            // A string takes everything.
            let _ = write!(ascii, "\\u{unit:04x}");
        }
    }
    ascii
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_and_text_stays_as_it_is_written() {
        let text = r#"{"b": 123456789012345678901234567890, "a": 1.0, "c": [1e5, -0.10, "\u00e9\/", null], "d": {}, "\u00e9": true}"#;
        assert_eq!(Json::parse(text).unwrap().to_string(), text);
        let loose = "{ \"a\" :1.50,\n\"b\":[ ]}";
        assert_eq!(Json::parse(loose).unwrap().to_string(), r#"{"a": 1.50, "b": []}"#);
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in [
            "",
            "{",
            "{\"a\": NaN}",
            "nothing",
            "{} {}",
            &"[".repeat(100_000),
            &format!("{}{}", "[".repeat(65), "]".repeat(65)),
        ] {
            assert!(Json::parse(text).is_err(), "{text:.20}");
        }
        assert!(Json::parse(&format!("{}{}", "[".repeat(63), "]".repeat(63))).is_ok());
    }

    #[test]
    fn texts_are_written_as_python_writes_them() {
        assert_eq!(Json::text("é😀\n\"").to_string(), r#""\u00e9\ud83d\ude00\n\"""#);
        assert_eq!(Json::text("é😀\n\"").as_text().as_deref(), Some("é😀\n\""));
    }
}
