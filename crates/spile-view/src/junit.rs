//! `JUnit` XML, as CI systems read test reports.

/// Returns a test suite from cases that are already XML.
#[must_use]
pub(super) fn suite(name: &str, tests: usize, failures: usize, cases: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  \
         <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\">\n{cases}  </testsuite>\n</testsuites>\n"
    )
}

/// Escapes text for XML 1.0, which cannot represent most control characters. Also keeps any line from being a command
/// to a runner, which reads printed reports line by line.
pub(super) fn xml(text: &str) -> String {
    let escaped = escaped(text).replace("##[", "#&#35;[");
    let line = |line: &str| {
        let start = line.len() - line.trim_start().len();
        let is_command = line[start..].starts_with("::");
        if is_command { format!("{}&#58;{}", &line[..start], &line[start + 1..]) } else { line.to_owned() }
    };
    escaped.split_inclusive('\n').map(line).collect()
}

/// Escapes the value of an attribute, in which a parser would read a literal line break as a space.
pub(super) fn attribute(text: &str) -> String {
    xml(text).replace('\n', "&#10;").replace('\t', "&#9;")
}

fn escaped(text: &str) -> String {
    let escaped = spile_core::visible::plain(text);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_a_report_is_a_runner_command() {
        let text = "a ::b\n ::error::x\n::add-mask::y ##[group]\tz";
        assert_eq!(xml(text), "a ::b\n &#58;:error::x\n&#58;:add-mask::y #&#35;[group]\tz");
        assert_eq!(attribute("a\n::b\t\"<"), "a&#10;&#58;:b&#9;&quot;&lt;");
    }
}
