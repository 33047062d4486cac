//! `JUnit` XML, as the test reports of CI systems read it.

/// Returns a suite of cases that are XML already; of so many tests so many failed.
#[must_use]
pub(super) fn suite(name: &str, (tests, failures): (usize, usize), cases: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  \
         <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\">\n{cases}  </testsuite>\n</testsuites>\n"
    )
}

/// Text in XML 1.0, which has no way to say most control characters.
pub(super) fn xml(text: &str) -> String {
    let escaped = crate::visible::plain(text);
    let escaped = escaped.chars().map(|c| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        '\n' | '\t' => c.to_string(),
        c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => "\u{fffd}".to_owned(),
        c => c.to_string(),
    });
    escaped.collect()
}
