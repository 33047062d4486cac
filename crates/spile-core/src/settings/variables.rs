//! Environment variables in `spile.toml`: a value is a string, or a reference to a variable, `${NAME}`.
//!
//! A branch can change `spile.toml`, so it may only name variables that are meant for spile. [`Variables`] is the only
//! way from a name to a value, and it contains the list of allowed names.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::allowed::Allowed;
use super::variable_name::VariableName;

/// A value in `spile.toml`: a string, or the variable that contains it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextOrVariable {
    /// The string, as in the file.
    Literal(String),
    /// The variable: `${NAME}`.
    Variable(VariableName),
}

/// A value that mixes a variable with other text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value mixes text and a variable")]
pub struct Mixed;

impl FromStr for TextOrVariable {
    type Err = Mixed;

    fn from_str(text: &str) -> Result<Self, Mixed> {
        let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
        match name.and_then(|name| name.parse().ok()) {
            Some(name) => Ok(Self::Variable(name)),
            None if text.contains("${") => Err(Mixed),
            None => Ok(Self::Literal(text.to_owned())),
        }
    }
}

/// Why a variable has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoValue {
    /// `spile.toml` may not name it.
    NotAllowed,
    /// It is not set, or is empty.
    Unset,
}

/// A function that reads an environment variable.
type Read = dyn Fn(&str) -> Option<String> + Send + Sync;

/// The environment variables that `spile.toml` may name.
#[derive(Clone)]
pub struct Variables {
    read: Arc<Read>,
    allowed: Allowed,
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Variables").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

impl Variables {
    /// Combines an environment with the list of variables that may be read.
    #[must_use]
    pub fn new(read: impl Fn(&str) -> Option<String> + Send + Sync + 'static, allowed: Allowed) -> Self {
        Self { read: Arc::new(read), allowed }
    }

    /// Returns an environment without variables.
    #[must_use]
    pub fn none() -> Self {
        Self::new(|_| None, Allowed::default())
    }

    /// Returns the list of allowed variables.
    #[must_use]
    pub fn allowed(&self) -> &Allowed {
        &self.allowed
    }

    /// Returns the value of a variable, without white space around it.
    ///
    /// # Errors
    /// When it may not be read, or has no value.
    pub fn value(&self, name: &VariableName) -> Result<String, NoValue> {
        if !self.allowed.admits(name) {
            return Err(NoValue::NotAllowed);
        }
        let value = (self.read)(name.as_str()).map(|value| value.trim().to_owned());
        value.filter(|value| !value.is_empty()).ok_or(NoValue::Unset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(text: &str) -> Result<TextOrVariable, Mixed> {
        text.parse()
    }

    #[test]
    fn a_value_is_a_string_or_a_reference_to_a_variable() {
        assert_eq!(given("${SLACK_URL}"), Ok(TextOrVariable::Variable("SLACK_URL".parse().unwrap())));
        for literal in ["", "https://x.example", "$A", "$", "A}", "{A}"] {
            assert_eq!(given(literal), Ok(TextOrVariable::Literal(literal.to_owned())), "{literal}");
        }
        for mixed in ["x${A}", "${A}x", "${A}${B}", "${", "${}", "${A-B}", "https://h/${A}/${B}", "${A:-x}"] {
            assert_eq!(given(mixed), Err(Mixed), "{mixed}");
        }
    }

    #[test]
    fn a_variable_is_read_only_if_it_is_allowed() {
        let read = |name: &str| match name {
            "SUPABASE_URL" | "AWS_SECRET_ACCESS_KEY" => Some(" a ".to_owned()),
            "SUPABASE_BLANK" => Some("  ".to_owned()),
            _ => None,
        };
        let variables = Variables::new(read, Allowed::default());
        let value = |name: &str| variables.value(&name.parse().unwrap());
        assert_eq!(value("SUPABASE_URL"), Ok("a".to_owned()));
        assert_eq!(value("SUPABASE_BLANK"), Err(NoValue::Unset));
        assert_eq!(value("SUPABASE_KEY"), Err(NoValue::Unset));
        assert_eq!(value("AWS_SECRET_ACCESS_KEY"), Err(NoValue::NotAllowed));
        assert_eq!(value("NOT_SET_AT_ALL"), Err(NoValue::NotAllowed), "nor is it shown whether it is set");
    }
}
