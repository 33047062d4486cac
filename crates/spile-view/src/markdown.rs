//! Pieces of Markdown that show any text literally.

use spile_core::phrase::{Phrase, longest_run};
use spile_core::visible::plain;

/// Returns text as a code span, whatever it contains, including backticks and line breaks.
#[must_use]
pub fn code(text: &str) -> String {
    let flat = plain(text).replace(['\n', '\t'], " ");
    let fence = "`".repeat(longest_run(&flat) + 1);
    // Markdown strips a space at each end of a code span; without it, a backtick at an end would join the fence.
    let gap = if flat.starts_with('`') || flat.ends_with('`') || flat.trim().is_empty() { " " } else { "" };
    // In a table, a bar would end the cell, even in code.
    format!("{fence}{gap}{}{gap}{fence}", if flat.is_empty() { " " } else { &flat })
}

/// Returns text as a code block.
#[must_use]
pub fn block(language: &str, text: &str) -> String {
    let text = &plain(text);
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    let end = if text.ends_with('\n') { "" } else { "\n" };
    format!("{fence}{language}\n{text}{end}{fence}\n")
}

/// Escapes text for HTML inside Markdown.
#[must_use]
pub fn html(text: &str) -> String {
    let escaped = plain(text);
    let escaped = escaped.chars().map(|c| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        // Markdown would interpret these even between tags, and `@` would mention someone.
        '*' | '_' | '`' | '[' | ']' | '\\' | '~' | '|' | '#' | '@' | ':' => format!("&#{};", u32::from(c)),
        c if c.is_control() => " ".to_owned(),
        c => c.to_string(),
    });
    escaped.collect()
}

/// Returns a phrase as an item of a list.
#[must_use]
pub fn item(phrase: impl Into<Phrase>) -> String {
    format!("- {}\n", phrase.into().shown(html, code))
}

/// Returns a phrase as HTML, for a place where Markdown is not read.
#[must_use]
pub fn phrase(phrase: &Phrase) -> String {
    phrase.shown(html, |name| format!("<code>{}</code>", html(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_stays_code() {
        assert_eq!(code("a"), "`a`");
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`a``"), "``` `a`` ```");
        assert_eq!(code("a\nb"), "`a b`");
        assert_eq!(code("a\u{202e}b\r"), "`a\\u{202e}b\\u{d}`");
        assert_eq!(html("\u{1b}[2J\u{2066}"), "&#92;u{1b}&#91;2J&#92;u{2066}");
        assert_eq!(block("diff", "+\u{202e}\n"), "```diff\n+\\u{202e}\n```\n");
        assert_eq!(code(""), "`   `");
        assert_eq!(block("diff", "```\nx"), "````diff\n```\nx\n````\n");
    }

    #[test]
    fn html_mentions_nobody_and_closes_nothing() {
        assert_eq!(html("</details> @team *x*"), "&lt;/details&gt; &#64;team &#42;x&#42;");
        let changes = Phrase::parse("`a|` changes <b>");
        assert_eq!(phrase(&changes), "<code>a&#124;</code> changes &lt;b&gt;");
        assert_eq!(item(changes), "- `a|` changes &lt;b&gt;\n");
        assert_eq!(item(spile_core::phrase::code("a`b")), "- ``a`b``\n");
    }
}
