//! `explain`: returns what a code means, from the documentation in the program.

use include_dir::{Dir, include_dir};

use super::Error;
use spile_core::problem::did_you_mean;

/// The table of all codes.
const CODES: &str = include_str!("../../../docs/codes.md");

/// A page for each code.
static PAGES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../docs/codes");

/// The prefix of every code. Users may leave it out.
const PREFIX: &str = "spile::";

/// A code and its page.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Explanation {
    /// The code.
    pub code: String,
    /// Its page.
    pub text: String,
}

/// Returns what a code means.
///
/// # Errors
/// When the code does not exist.
pub fn explain(asked: &str) -> Result<Explanation, Error> {
    let whole = if asked.starts_with(PREFIX) { asked.to_owned() } else { format!("{PREFIX}{asked}") };
    let page = PAGES.get_file(file_of(&whole)).and_then(include_dir::File::contents_utf8);
    match page {
        Some(page) => Ok(Explanation { code: whole, text: page.to_owned() }),
        None => Err(unknown(asked, &whole)),
    }
}

/// Returns the name of a code's page: `toml-syntax.md`.
fn file_of(code: &str) -> String {
    format!("{}.md", code.trim_start_matches(PREFIX).replace("::", "-"))
}

fn unknown(asked: &str, whole: &str) -> Error {
    // Without what all codes have in common, which would make every word similar to one.
    let codes = sentences().map(|(code, _)| code.trim_start_matches(PREFIX));
    let is_near = did_you_mean(whole.trim_start_matches(PREFIX), codes).is_some();
    let near = is_near.then(|| did_you_mean(whole, sentences().map(|(code, _)| code))).flatten();
    let help = near.unwrap_or_else(|| "copy the code from the message, for example `spile::toml::syntax`".to_owned());
    Error::UnknownCode { code: asked.to_owned(), help }
}

/// Returns every code with its sentence.
pub fn sentences() -> impl Iterator<Item = (&'static str, &'static str)> {
    let row = |line: &'static str| {
        let (code, sentence) = line.strip_prefix("| `")?.split_once("` |")?;
        Some((code, sentence.trim().trim_end_matches('|').trim_end()))
    };
    CODES.lines().filter_map(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_explained_with_and_without_its_prefix() {
        let found = explain("toml::syntax").unwrap();
        assert_eq!(found, explain("spile::toml::syntax").unwrap());
        assert!(found.text.contains("The text is not TOML."), "{}", found.text);
    }

    #[test]
    fn an_unknown_code_suggests_the_nearest_one() {
        let Err(Error::UnknownCode { help, .. }) = explain("spile::toml::sintax") else { panic!() };
        assert_eq!(help, "did you mean `spile::toml::syntax`?");
        let Err(Error::UnknownCode { help, .. }) = explain("nope") else { panic!() };
        assert!(help.starts_with("copy the code"), "{help}");
    }

    #[test]
    fn every_code_has_a_page_that_starts_with_its_name_and_has_a_next_step() {
        let codes: Vec<&str> = sentences().map(|(code, _)| code).collect();
        for code in &codes {
            let text = explain(code).unwrap_or_else(|_| panic!("`{code}` has no page")).text;
            assert!(text.starts_with(&format!("# `{code}`\n")), "`{code}`: {text}");
            assert!(text.contains("\n## What to do\n"), "`{code}` has no next step");
        }
        assert_eq!(PAGES.files().count(), codes.len(), "a page without a code");
    }
}
