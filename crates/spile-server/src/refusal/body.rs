//! Problems in a request body, in our own words: the parser quotes the input, which may contain a secret.

use axum::http::StatusCode;

/// What a parser may have expected, in its own words: none of them come from the input.
const WANTED: [&str; 14] = [
    "a string",
    "a boolean",
    "a map",
    "a sequence",
    "unit",
    "i64",
    "u64",
    "f64",
    "u32",
    "usize",
    "option",
    "string",
    "`,` or `}`",
    "value",
];

/// Returns what is wrong with a body, given the parser's message.
pub(super) fn told(status: StatusCode, said: &str) -> String {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        return "the body is too large".to_owned();
    }
    if status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        return "the body must be sent as `application/json`".to_owned();
    }
    let Some((before, line, column)) = place(said) else { return "the body cannot be read".to_owned() };
    let wanted = before.rsplit_once(", expected ").map(|(_, wanted)| wanted).filter(|wanted| WANTED.contains(wanted));
    let what = match (missing(before), wanted) {
        (Some(field), _) => format!("the field `{field}` is missing"),
        (None, Some(wanted)) => format!("a value has the wrong type: expected {wanted}"),
        (None, None) if status == StatusCode::UNPROCESSABLE_ENTITY => "a value is not valid for its field".to_owned(),
        (None, None) => "the body is not JSON".to_owned(),
    };
    format!("{what} (line {line}, column {column})")
}

/// Splits the place off the end of a `serde_json` message.
fn place(said: &str) -> Option<(&str, u64, u64)> {
    let (before, place) = said.rsplit_once(" at line ")?;
    let (line, column) = place.split_once(" column ")?;
    Some((before, line.parse().ok()?, column.parse().ok()?))
}

/// Returns the missing field, whose name comes from our types and not from the input.
fn missing(said: &str) -> Option<&str> {
    let field = said.rsplit_once("missing field `")?.1.strip_suffix('`')?;
    field.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_').then_some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_never_quoted() {
        let wrong = StatusCode::UNPROCESSABLE_ENTITY;
        for (said, wanted) in [
            ("x: invalid type: integer `12345`, expected a string at line 1 column 36", "expected a string"),
            ("x: invalid type: string \"a, expected 12345\", expected a map at line 1 column 2", "expected a map"),
            ("x: unknown variant `12345`, expected `a` or `b` at line 1 column 2", "not valid for its field"),
            ("x: `12345` is no slug at line 1 column 2", "not valid for its field"),
            ("x: no, expected 12345 at line 1 column 2", "not valid for its field"),
            ("x: missing field `12345` at line 1 column 2", "not valid for its field"),
            ("x: missing field `name` at line 3 column 2", "the field `name` is missing (line 3, column 2)"),
            ("12345", "the body cannot be read"),
        ] {
            let told = told(wrong, said);
            assert!(told.contains(wanted) && !told.contains("12345"), "{told}");
        }
        let told = told(StatusCode::BAD_REQUEST, "x: expected ident 12345 at line 1 column 5");
        assert_eq!(told, "the body is not JSON (line 1, column 5)");
    }
}
