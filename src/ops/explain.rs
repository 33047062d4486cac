//! `explain`: what a code means, from the documentation that is part of the program.

use super::Error;
use crate::problem::did_you_mean;

/// The table of all codes.
const CODES: &str = include_str!("../../docs/codes.md");

/// How every code begins; people may leave it out.
const PREFIX: &str = "spile::";

/// A code and what is said of it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Explanation {
    /// The code.
    pub code: String,
    /// Its page, or its sentence where it has none.
    pub text: String,
}

/// Returns what a code means.
///
/// # Errors
/// When there is no such code.
pub fn explain(asked: &str) -> Result<Explanation, Error> {
    let whole = if asked.starts_with(PREFIX) { asked.to_owned() } else { format!("{PREFIX}{asked}") };
    let sentence = sentences().find(|(code, _)| *code == whole).map(|(_, sentence)| sentence);
    let page = super::explain_pages::PAGES.iter().find(|(code, _)| *code == whole).map(|(_, page)| *page);
    match (page, sentence) {
        (Some(page), _) => Ok(Explanation { code: whole, text: page.to_owned() }),
        (None, Some(sentence)) => {
            let text = format!("# `{whole}`\n\n{sentence}\n");
            Ok(Explanation { code: whole, text })
        }
        (None, None) => Err(unknown(asked, &whole)),
    }
}

fn unknown(asked: &str, whole: &str) -> Error {
    let near = did_you_mean(whole, sentences().map(|(code, _)| code));
    let help =
        near.unwrap_or_else(|| "copy the code as the message shows it, such as `spile::toml::syntax`".to_owned());
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
    fn an_unknown_code_is_answered_with_the_nearest() {
        let Err(Error::UnknownCode { help, .. }) = explain("spile::toml::sintax") else { panic!() };
        assert_eq!(help, "did you mean `spile::toml::syntax`?");
    }

    #[test]
    fn every_page_is_of_a_code_of_the_table_and_says_its_name_first() {
        let pages = super::super::explain_pages::PAGES;
        assert!(pages.len() > 10, "only {} pages", pages.len());
        for (code, page) in pages {
            assert!(sentences().any(|(known, _)| known == *code), "`{code}` is in no table");
            assert!(page.starts_with(&format!("# `{code}`\n")), "`{code}`: {page}");
            assert!(page.contains("\n## What to do\n"), "`{code}` says no next step");
        }
    }
}
