//! Answers in the form in which a page sends them: `config.host=db`, `secrets.token=…`.

use std::collections::BTreeMap;

use super::{answer, lines};
use crate::connector::{Connector, Kind, Setting};
use crate::integration::check::secret_in;
use crate::secret::Secret;
use crate::value::Settings;

/// The prefix of fields that are settings.
const CONFIG: &str = "config.";

/// The prefix of fields that are secrets.
const SECRETS: &str = "secrets.";

/// The answers from a page, parsed for its connector.
#[derive(Debug, Clone, Default)]
pub struct Posted {
    /// The values of settings.
    pub config: Settings,
    /// The secrets that were entered.
    pub secrets: BTreeMap<String, Secret>,
    /// The raw text of settings, so that a form can be shown again with it. Contains no secrets.
    pub typed: BTreeMap<String, String>,
    /// The mistakes, as one sentence per field.
    pub faults: BTreeMap<String, String>,
}

/// Reads the fields of a form. Empty fields count as not set. Unknown fields are ignored, because no form of ours
/// contains them.
#[must_use]
pub fn posted<'a>(connector: &Connector, fields: impl Iterator<Item = (&'a str, &'a str)>) -> Posted {
    let mut posted = Posted::default();
    for (field, text) in fields {
        if let Some(setting) = field.strip_prefix(SECRETS).and_then(|name| connector.setting(name)) {
            if text.is_empty() {
                continue;
            }
            if setting.kind.takes_secret(text) {
                posted.secrets.insert(setting.name.clone(), Secret::new(text));
            } else {
                let (wanted, _) = setting.kind.wanted();
                posted.faults.insert(field.to_owned(), format!("this is not {wanted} in JSON"));
            }
        } else if let Some(setting) = field.strip_prefix(CONFIG).and_then(|name| connector.setting(name)) {
            take(setting, text, &mut posted);
        }
    }
    posted
}

/// Reads the field of a setting. An unchecked checkbox sends nothing, so a hidden field of the same name sends `false`
/// before it.
fn take(setting: &Setting, text: &str, posted: &mut Posted) {
    if setting.secret {
        return;
    }
    if let Some(seen) = secret_in(setting, &text.into()) {
        // The secret is neither sent back nor stored in a draft.
        let sentence = format!("this is {}: use `spile secrets set` to store it encrypted", seen.what);
        posted.faults.insert(format!("{CONFIG}{}", setting.name), sentence);
        return;
    }
    posted.typed.insert(setting.name.clone(), text.to_owned());
    if text.trim().is_empty() {
        posted.config.shift_remove(&setting.name);
        return;
    }
    match read(setting, text) {
        Ok(value) if setting.kind == Kind::Boolean && is_default(setting, &value) => {
            posted.config.shift_remove(&setting.name);
        }
        Ok(value) => drop(posted.config.insert(setting.name.clone(), value)),
        Err(sentence) => drop(posted.faults.insert(format!("{CONFIG}{}", setting.name), sentence)),
    }
}

/// Parses the text of a setting. A list has one item per line, because items may contain commas. A text with several
/// lines is kept completely.
pub(super) fn read(setting: &Setting, text: &str) -> Result<serde_json::Value, String> {
    match setting.kind {
        Kind::Array if !text.trim_start().starts_with('[') => {
            let value = serde_json::Value::from(lines(text));
            setting.check(&value).map(|()| value)
        }
        Kind::String if text.contains('\n') => Ok(text.into()),
        _ => answer(setting, text),
    }
}

/// Tells whether a value is the default, because a checkbox always sends a value, but defaults need no line in a file.
fn is_default(setting: &Setting, value: &serde_json::Value) -> bool {
    setting.default.as_ref().map_or(*value == serde_json::Value::Bool(false), |default| default == value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_typed_into_a_plain_field_is_discarded() {
        let mut problems = crate::problem::Problems::default();
        let text = "[plugin]\nname = 'tap-x'\nnamespace = 'tap_x'\n[[settings]]\nname = 'dsn_of'\n";
        let source = crate::source::Source::new("connectors/x.toml", text);
        let connector = crate::connector::read::connector(&source, &mut problems).unwrap();
        let posted = posted(&connector, [("config.dsn_of", "host=db password=hunter2")].into_iter());
        assert!(posted.config.is_empty() && posted.typed.is_empty());
        assert!(posted.faults["config.dsn_of"].contains("a connection string with a password"));
    }
    use crate::connector::{Catalog, Role};

    #[test]
    fn fields_are_parsed_and_mistakes_are_reported_at_their_field() {
        let postgres = Catalog::built_in(Role::Extractor, "postgres").unwrap();
        let fields = [
            ("name", "Shop"),
            ("config.host", " db "),
            ("config.port", "many"),
            ("config.user", ""),
            ("config.password", "hunter2"),
            ("secrets.password", "hunter2"),
            ("secrets.database", "shop"),
            ("config.nonsense", "x"),
        ];
        let posted = posted(&postgres, fields.into_iter());
        assert_eq!(posted.config, Settings::from([("host".to_owned(), json!("db"))]));
        assert_eq!(posted.secrets.keys().collect::<Vec<_>>(), ["database", "password"]);
        assert_eq!(posted.typed["port"], "many");
        assert!(!posted.typed.contains_key("password"));
        assert_eq!(posted.faults.keys().collect::<Vec<_>>(), ["config.port"]);
    }

    #[test]
    fn a_checkbox_only_sets_what_differs_from_the_default() {
        let salesforce = Catalog::built_in(Role::Extractor, "salesforce").unwrap();
        let of = |values: &[&str]| {
            let fields = values.iter().map(|value| ("config.is_sandbox", *value));
            posted(&salesforce, fields).config.get("is_sandbox").cloned()
        };
        assert_eq!(of(&["false"]), None);
        assert_eq!(of(&["false", "true"]), Some(json!(true)));
    }

    #[test]
    fn a_checkbox_without_a_default_is_unchecked() {
        let text = "[plugin]\nname = 'x'\nnamespace = 'x'\n[[settings]]\nname = 'plain'\nkind = 'boolean'\n\
                    [[settings]]\nname = 'on'\nkind = 'boolean'\ndefault = true\n";
        let source = crate::source::Source::new("connectors/x.toml", text);
        let connector = crate::connector::read::connector(&source, &mut crate::problem::Problems::default()).unwrap();
        for (name, typed, wanted) in [
            ("plain", "false", None),
            ("plain", "true", Some(json!(true))),
            ("on", "true", None),
            ("on", "false", Some(json!(false))),
        ] {
            let field = format!("config.{name}");
            let posted = posted(&connector, [(field.as_str(), typed)].into_iter());
            assert_eq!(posted.config.get(name).cloned(), wanted, "{field}={typed}");
        }
    }
}
