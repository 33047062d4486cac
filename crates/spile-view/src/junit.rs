//! `JUnit` XML, as the test reports of CI systems read it.

/// Returns a suite of cases that are XML already; of so many tests so many failed.
#[must_use]
pub(super) fn suite(name: &str, tests: usize, failures: usize, cases: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  \
         <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\">\n{cases}  </testsuite>\n</testsuites>\n"
    )
}

/// Returns text as XML 1.0 has it, which has no way to say most control characters. A runner reads the report line by line
/// where it is printed: no line is a command to it.
pub(super) fn xml(text: &str) -> String {
    let escaped = escaped(text).replace("##[", "#&#35;[");
    let line = |line: &str| {
        let start = line.len() - line.trim_start().len();
        let is_command = line[start..].starts_with("::");
        if is_command { format!("{}&#58;{}", &line[..start], &line[start + 1..]) } else { line.to_owned() }
    };
    escaped.split_inclusive('\n').map(line).collect()
}

/// Returns the value of an attribute, where a line break as it is would be read as a blank.
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
    fn no_line_of_a_report_is_a_command_to_a_runner() {
        let text = "a ::b\n ::error::x\n::add-mask::y ##[group]\tz";
        assert_eq!(xml(text), "a ::b\n &#58;:error::x\n&#58;:add-mask::y #&#35;[group]\tz");
        assert_eq!(attribute("a\n::b\t\"<"), "a&#10;&#58;:b&#9;&quot;&lt;");
    }
}
