//! Formats values for forms, as text that is parsed back to the same value.

use serde_json::Value;

use crate::connector::kind::word_of;
use crate::connector::{Kind, Setting};

/// Words in the names of settings whose values usually have several lines.
const LONG: [&str; 6] = ["ca", "cert", "certificate", "json", "pem", "sql"];

/// Additional words in the names of secrets that may have several lines.
const LONG_SECRETS: [&str; 5] = ["credentials", "key", "keyfile", "private", "ssh"];

/// Formats a value for a form. Lists have one item per line. Lists that do not fit that form, and tables, are JSON.
#[must_use]
pub fn shown(value: &Value) -> String {
    match value {
        Value::Array(items) => one_per_line(items).unwrap_or_else(|| value.to_string()),
        Value::Object(_) => value.to_string(),
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => word_of(value),
    }
}

/// Parses a list of texts that is formatted as one item per line or as JSON.
#[must_use]
pub fn lines(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_else(|_| {
        let lines = text.split('\n').map(str::trim);
        lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
    })
}

/// Tells whether a form must offer several lines for a setting, because a pasted key would lose its line breaks in one.
#[must_use]
pub fn may_have_lines(setting: &Setting) -> bool {
    match setting.kind {
        Kind::Array | Kind::Object => true,
        Kind::File if setting.secret => true,
        Kind::String | Kind::File => {
            let name = setting.name.to_lowercase();
            let mut words = name.split(|c: char| !c.is_alphanumeric());
            words.any(|word| LONG.contains(&word) || setting.secret && LONG_SECRETS.contains(&word))
        }
        Kind::Integer | Kind::Decimal | Kind::Boolean | Kind::Date | Kind::Email | Kind::Options(_) => false,
    }
}

/// Returns the items as lines if nothing is lost.
fn one_per_line(items: &[Value]) -> Option<String> {
    let words = items.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?;
    let is_line = |word: &&str| !word.is_empty() && word.trim() == *word && !word.contains(char::is_control);
    let text = words.join("\n");
    (!words.is_empty() && words.iter().all(is_line) && !text.starts_with('[')).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::connector::tests::setting;
    use crate::form::posted::read;

    #[test]
    fn a_list_has_one_item_per_line_unless_that_loses_something() {
        for (value, text) in [
            (json!(["data", "data/a,b"]), "data\ndata/a,b"),
            (json!(["one"]), "one"),
            (json!([]), "[]"),
            (json!(["a\nb"]), r#"["a\nb"]"#),
            (json!([" a", ""]), r#"[" a",""]"#),
            (json!(["[a]"]), r#"["[a]"]"#),
            (json!([1, true]), "[1,true]"),
        ] {
            assert_eq!(shown(&value), text);
            assert_eq!(read(&setting("x", Kind::Array), text), Ok(value));
        }
    }

    #[test]
    fn names_of_keys_and_certificates_get_several_lines() {
        let of = |name: &str, secret| may_have_lines(&Setting { secret, ..setting(name, Kind::String) });
        assert!(of("private_key", true) && of("ssl.ca", false) && of("credentials_json", true));
        assert!(!of("password", true) && !of("primary_key", false) && !of("category", false));
    }

    fn value() -> impl Strategy<Value = Value> {
        let text = prop_oneof!["[a-z ,\\[\\]\"'#=\\\\]{0,6}", any::<String>()];
        let leaf = prop_oneof![
            text.prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from)
        ];
        leaf.prop_recursive(2, 12, 4, |inner| {
            let table = prop::collection::btree_map("[a-z.]{1,3}", inner.clone(), 0..3);
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(Value::from),
                table.prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_shown_list_or_table_is_parsed_back_to_the_same_value(items in prop::collection::vec(value(), 0..4)) {
            let list = Value::from(items.clone());
            prop_assert_eq!(read(&setting("x", Kind::Array), &shown(&list)), Ok(list));
            let table: Value = items.into_iter().enumerate().map(|(at, item)| (at.to_string(), item)).collect::<serde_json::Map<_, _>>().into();
            prop_assert_eq!(read(&setting("x", Kind::Object), &shown(&table)), Ok(table));
        }

        #[test]
        fn texts_in_lines_are_parsed_back(items in prop::collection::vec(any::<String>(), 1..4)) {
            prop_assert_eq!(lines(&shown(&Value::from(items.clone()))), items);
        }
    }
}
