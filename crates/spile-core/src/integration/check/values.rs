//! Finds secrets in settings that are not secret according to the connector.

use serde_json::Value;

use super::{Draft, IntegrationMistake, named};
use crate::connector::Setting;
use crate::problem::Problems;
use crate::secrecy::{Use, is_name, is_real, sightings};
use crate::table::Node;

/// A secret in the value of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretSighting {
    /// The kind of secret, with an article.
    pub what: &'static str,
    /// How certain that is.
    pub certainty: Certainty,
}

/// How certain it is that a value is a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// Certain by the value's form, or by its name in a table.
    Sure,
    /// Likely by its name in a list. Not certain, because lists also contain definitions of fields and streams.
    Likely,
}

/// Returns the secret that a value contains, unless the connector marks the setting as secret or as not secret.
#[must_use]
pub fn secret_in(setting: &Setting, value: &Value) -> Option<SecretSighting> {
    if setting.secret || setting.is_open { None } else { look(value, Certainty::Sure) }
}

fn look(value: &Value, named: Certainty) -> Option<SecretSighting> {
    match value {
        Value::String(text) => {
            let first = sightings(text, Use::Value).into_iter().next();
            first.map(|one| SecretSighting { what: one.what, certainty: Certainty::Sure })
        }
        Value::Array(items) => items.iter().find_map(|item| look(item, Certainty::Likely)),
        Value::Object(members) => members.iter().find_map(|(name, member)| {
            let is_named = is_name(name) && member.as_str().is_some_and(is_real);
            let by_name =
                is_named.then_some(SecretSighting { what: "a value under a secret's name", certainty: named });
            look(member, named).or(by_name)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// Reports a secret in a setting that is not secret.
pub(super) fn check(draft: &Draft, setting: &Setting, node: &Node, problems: &mut Problems) {
    let Some(seen) = secret_in(setting, &node.value()) else { return };
    node.hide(problems);
    let (name, slug, what) = (setting.name.clone(), named(draft), seen.what);
    let span = node.key.span.clone().into();
    let mistake = match seen.certainty {
        Certainty::Sure => IntegrationMistake::SecretValue { name, slug, what, span },
        Certainty::Likely => IntegrationMistake::LikelySecret { name, slug, span },
    };
    problems.push(&node.key.source, mistake);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::connector::Kind;
    use crate::connector::tests::setting;

    #[test]
    fn a_value_is_a_secret_by_its_form_and_in_a_table_by_its_name() {
        let seen = |value: Value| secret_in(&setting("x", Kind::String), &value).map(|seen| seen.certainty);
        for value in [
            json!("postgres://me:hunter2@db"),
            json!(["a", "host=db password=hunter2"]),
            json!({"a": {"password": "hunter2"}}),
            json!([{"url": "https://me:hunter2@db"}]),
        ] {
            assert_eq!(seen(value.clone()), Some(Certainty::Sure), "{value}");
        }
        assert_eq!(seen(json!([{"headers": {"X-Api-Key": "hunter2"}}])), Some(Certainty::Likely));
        for value in [
            json!("postgres://db"),
            json!({"password": "${PASSWORD}", "token_url": "https://x", "token": ""}),
            json!([{"password": "***"}]),
            json!(5),
        ] {
            assert_eq!(seen(value.clone()), None, "{value}");
        }
    }

    #[test]
    fn nothing_is_guessed_if_the_definition_says_it() {
        let value = json!("postgres://me:hunter2@db");
        for said in [
            Setting { is_open: true, ..setting("x", Kind::String) },
            Setting { secret: true, ..setting("x", Kind::String) },
        ] {
            assert_eq!(secret_in(&said, &value), None);
        }
    }
}
