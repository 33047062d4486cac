//! Variables of the environment in values of `spile.toml`: `${NAME}`.

/// Reads a variable of the environment.
pub type Variables = fn(&str) -> Option<String>;

/// Puts the values of variables in place of `${NAME}`.
///
/// # Errors
/// With the names of those that are not set.
pub fn expanded(written: &str, variables: Variables) -> Result<String, Vec<String>> {
    let (mut text, mut unset) = (String::new(), Vec::new());
    let mut rest = written;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, after)) = after.split_once('}') else { break };
        text.push_str(before);
        match variables(name).filter(|value| !value.is_empty()) {
            Some(value) => text.push_str(value.trim()),
            None => unset.push(name.to_owned()),
        }
        rest = after;
    }
    text.push_str(rest);
    if unset.is_empty() { Ok(text) } else { Err(unset) }
}

/// Tells whether a value is `${NAME}`, and nothing else.
pub(super) fn is_variable(text: &str) -> bool {
    let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(name: &str) -> Option<String> {
        (name == "A").then(|| " a ".to_owned())
    }

    #[test]
    fn variables_are_put_in_and_those_that_are_not_set_are_named() {
        assert_eq!(expanded("x${A}y$A${", variables).unwrap(), "xay$A${");
        assert_eq!(expanded("${A}${B}${C}", variables).unwrap_err(), ["B", "C"]);
    }

    #[test]
    fn a_variable_and_nothing_else_is_one() {
        assert!(is_variable("${SLACK_WEBHOOK_URL}"));
        for other in ["${}", "x${A}", "${A}x", "$A", "${A}${B}"] {
            assert!(!is_variable(other), "{other}");
        }
    }
}
