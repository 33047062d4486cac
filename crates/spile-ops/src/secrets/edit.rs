//! Converts secrets to and from text for an editor, one line each.

use std::fmt::Write;

use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use super::{Error, Values};
use spile_core::secret::Secret;

/// Returns secrets as a text to edit.
#[must_use]
pub fn as_text(values: &Values, slug: &str) -> Secret {
    let head = format!("# The secrets of `{slug}`. What you save is encrypted. Delete a line to remove the secret.\n");
    Secret::new(head + lines(values).expose())
}

/// Returns secrets as lines of TOML.
#[must_use]
pub fn lines(values: &Values) -> Secret {
    let mut text = Zeroizing::new(String::new());
    for (name, value) in values {
        let (key, value) = (toml_edit::Key::new(name), Zeroizing::new(toml_edit::value(value.expose()).to_string()));
        // Writing to a string does not fail.
        let _ = writeln!(text, "{} = {}", key.display_repr(), value.trim());
    }
    Secret::new(text.as_str())
}

/// Returns the secrets to set and to remove, so that the values become those of an edited text.
///
/// # Errors
/// When the text is not TOML with only strings. The message does not quote the text.
pub fn changes(values: &Values, edited: &Secret) -> Result<Vec<(String, Option<Secret>)>, Error> {
    let table = DeTable::parse(edited.expose()).map_err(|error| {
        let before = &edited.expose()[..error.span().map_or(0, |span| span.start)];
        Error::Edited { message: format!("line {} is not TOML", before.matches('\n').count() + 1) }
    })?;
    let mut wanted = Values::new();
    for (key, value) in table.get_ref() {
        let DeValue::String(text) = value.get_ref() else {
            return Err(Error::Edited { message: format!("`{}` is not a string", key.get_ref()) });
        };
        wanted.insert(key.get_ref().to_string(), Secret::new(text.as_ref()));
    }
    let gone = values.keys().filter(|name| !wanted.contains_key(*name)).map(|name| (name.clone(), None));
    let gone: Vec<_> = gone.collect();
    let set = wanted.into_iter().filter(|(name, value)| values.get(name) != Some(value));
    Ok(set.map(|(name, value)| (name, Some(value))).chain(gone).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> Values {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect()
    }

    #[test]
    fn an_unedited_text_changes_nothing() {
        let values = values(&[("a.b", "x\ny\"'\\"), ("empty", ""), ("u", "\u{f6}\u{1}")]);
        assert_eq!(changes(&values, &as_text(&values, "shop")).unwrap(), []);
    }

    #[test]
    fn edited_lines_set_and_remove_secrets() {
        let found =
            changes(&values(&[("a", "1"), ("b", "2"), ("c", "3")]), &Secret::new("a = '1'\nc = 'x'\nd = 'y'\n"));
        let wanted = [("c", Some("x")), ("d", Some("y")), ("b", None)];
        assert_eq!(found.unwrap(), wanted.map(|(name, value)| (name.to_owned(), value.map(Secret::new))));
    }

    #[test]
    fn a_mistake_is_reported_by_its_line() {
        let message = changes(&values(&[]), &Secret::new("a = 'x'\nb = hunter2\n")).unwrap_err().to_string();
        assert_eq!(message, "what you wrote cannot be used: line 2 is not TOML");
    }
}
