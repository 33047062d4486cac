//! Which environment variables `spile.toml` may name: those of Supabase and spile, and those that the user allows
//! outside of the repository.

use std::fmt;
use std::str::FromStr;

use miette::{Diagnostic, SourceSpan};

use super::variable_name::{NotAName, VariableName};
use crate::problem::Problems;
use crate::source::{Placed, Source};
use crate::table::{self, Table};

/// The variable that allows more names.
pub const ALLOW: &str = "SPILE_ALLOW_VARIABLES";

/// The prefixes that every `spile.toml` may use.
const BUILT_IN: [&str; 2] = ["SUPABASE_", "SPILE_"];

/// The prefix that no `spile.toml` may use: these variables contain the keys of secrets.
const NEVER: &str = "SOPS_";

/// Mistakes in the user's own settings.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum AllowMistake {
    /// An entry that is neither a name nor a prefix.
    #[error("`{word}` is not a variable name or the start of one")]
    #[diagnostic(
        code(spile::user::variable),
        help("use a name like `PROD_SUPABASE_URL`, or the start of names with a star: `PROD_*`")
    )]
    Word {
        /// What was written.
        word: String,
        /// Where it is.
        #[label("here")]
        span: SourceSpan,
    },
    /// An entry that would expose the keys of secrets.
    #[error("`{word}` cannot be allowed: sops variables hold the keys that decrypt secrets")]
    #[diagnostic(code(spile::user::sops_variable), help("remove it; `spile.toml` never needs a sops variable"))]
    Sops {
        /// What was written.
        word: String,
        /// Where it is.
        #[label("a key source")]
        span: SourceSpan,
    },
}

/// Returns the words in a variable's value, separated by commas or blanks, with their places.
#[must_use]
pub fn words(source: &Source) -> Vec<Placed<String>> {
    let is_gap = |c: char| c == ',' || c.is_whitespace();
    let (mut words, mut start) = (Vec::new(), 0);
    for piece in source.text().split_inclusive(is_gap) {
        let word = piece.trim_end_matches(is_gap);
        if !word.is_empty() {
            words.push(Placed { value: word.to_owned(), place: source.place(start..start + word.len()) });
        }
        start += piece.len();
    }
    words
}

/// The name of a variable, or a prefix of names.
#[derive(Debug, Clone, PartialEq, Eq)]
enum NamePattern {
    Name(String),
    Prefix(String),
}

impl FromStr for NamePattern {
    type Err = NotAName;

    /// A star alone is not a prefix, because it would allow everything.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let start = text.strip_suffix('*');
        let name: VariableName = start.unwrap_or(text).parse()?;
        let name = name.as_str().to_owned();
        Ok(if start.is_some() { Self::Prefix(name) } else { Self::Name(name) })
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Prefix(start) => write!(f, "{start}*"),
        }
    }
}

impl NamePattern {
    fn matches(&self, name: &VariableName) -> bool {
        match self {
            Self::Name(known) => name.as_str() == known,
            Self::Prefix(start) => name.as_str().starts_with(start),
        }
    }

    fn is_of_sops(&self) -> bool {
        match self {
            Self::Name(text) | Self::Prefix(text) => text.starts_with(NEVER),
        }
    }
}

/// The variables that `spile.toml` may name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowed {
    /// The names that the user allows in addition, each with its origin.
    more: Vec<(NamePattern, String)>,
}

impl Allowed {
    /// Adds the names in `SPILE_ALLOW_VARIABLES`, separated by commas or blanks.
    pub fn read_variable(&mut self, text: &str, problems: &mut Problems) {
        for word in words(&Source::new(ALLOW, text)) {
            self.add(&word, problems);
        }
    }

    /// Adds the names in the user's own `config.toml`: `[allow] variables = ["NAME"]`.
    pub fn read_file(&mut self, source: &Source, problems: &mut Problems) {
        let words = table::parse(source, problems, |table: Table<'_>, problems| {
            let words = table.table("allow", problems).and_then(|allow| {
                let words = allow.texts("variables", problems);
                allow.finish(problems);
                words
            });
            table.finish(problems);
            words
        });
        for word in words.iter().flat_map(|words| &words.value) {
            self.add(word, problems);
        }
    }

    fn add(&mut self, word: &Placed<String>, problems: &mut Problems) {
        let span = word.place.span.clone().into();
        match word.parse::<NamePattern>() {
            Ok(pattern) if pattern.is_of_sops() => {
                problems.push(&word.place.source, AllowMistake::Sops { word: word.value.clone(), span });
            }
            Ok(pattern) => self.more.push((pattern, word.place.source.path().display().to_string())),
            Err(_) => problems.push(&word.place.source, AllowMistake::Word { word: word.value.clone(), span }),
        }
    }

    /// Tells whether a variable can never be allowed.
    #[must_use]
    pub fn never_admits(name: &VariableName) -> bool {
        name.as_str().starts_with(NEVER)
    }

    /// Tells whether `spile.toml` may name a variable.
    #[must_use]
    pub fn admits(&self, name: &VariableName) -> bool {
        let is_built_in = BUILT_IN.iter().any(|start| name.as_str().starts_with(start));
        let is_allowed = is_built_in || self.more.iter().any(|(pattern, _)| pattern.matches(name));
        is_allowed && !Self::never_admits(name)
    }

    /// Returns the next step for a name that is not allowed.
    #[must_use]
    pub fn help(name: &VariableName) -> String {
        if Self::never_admits(name) {
            return "use another variable: sops variables hold the keys that decrypt secrets".to_owned();
        }
        format!(
            "if you trust this `spile.toml`, set `{ALLOW}={name}`, or add `variables = [\"{name}\"]` under `[allow]` in `~/.config/spile/config.toml`; `SUPABASE_*` and `SPILE_*` need neither"
        )
    }

    /// Returns the allowed names, in words, each with its origin.
    #[must_use]
    pub fn listed(&self) -> Vec<String> {
        let built_in = BUILT_IN.iter().map(|start| format!("{start}*"));
        built_in.chain(self.more.iter().map(|(pattern, from)| format!("{pattern} ({from})"))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(variable: &str, file: &str) -> (Allowed, Vec<String>) {
        let (mut allowed, mut problems) = (Allowed::default(), Problems::default());
        allowed.read_variable(variable, &mut problems);
        allowed.read_file(&Source::new("config.toml", file), &mut problems);
        let report = problems.into_report();
        (allowed, report.problems().iter().map(|problem| format!("{problem:?}")).collect())
    }

    fn admits(allowed: &Allowed, name: &str) -> bool {
        allowed.admits(&name.parse().unwrap())
    }

    #[test]
    fn variables_of_supabase_and_spile_are_allowed_and_no_others() {
        let allowed = Allowed::default();
        for name in ["SUPABASE_URL", "SUPABASE_PROD_URL", "SPILE_HOOK"] {
            assert!(admits(&allowed, name), "{name}");
        }
        for name in ["AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "PROD_SUPABASE_URL", "SUPABASE", "supabase_url", "HOME"] {
            assert!(!admits(&allowed, name), "{name}");
        }
    }

    #[test]
    fn the_user_allows_more_with_a_variable_and_with_a_file() {
        let (allowed, problems) =
            allowed("PROD_URL, SLACK_URL\nSMTP_*,", "[allow]\nvariables = ['HOOK_URL', 'ACME_*']\n");
        assert_eq!(problems, [""; 0]);
        for name in ["PROD_URL", "SLACK_URL", "SMTP_PASSWORD", "HOOK_URL", "ACME_X", "SUPABASE_URL"] {
            assert!(admits(&allowed, name), "{name}");
        }
        for name in ["PROD_URL_2", "SLACK", "ACME", "AWS_SECRET_ACCESS_KEY"] {
            assert!(!admits(&allowed, name), "{name}");
        }
        assert!(allowed.listed().contains(&"SMTP_* (SPILE_ALLOW_VARIABLES)".to_owned()));
        assert!(allowed.listed().contains(&"ACME_* (config.toml)".to_owned()));
    }

    #[test]
    fn nothing_allows_everything_or_the_keys_of_secrets() {
        let (allowed, problems) = allowed("* A-B SOPS_AGE_KEY", "[allow]\nvariables = ['SOPS_*', '${A}']\nx = 1\n");
        assert_eq!(allowed, Allowed::default());
        assert_eq!(
            problems,
            [
                "SPILE_ALLOW_VARIABLES:1: `*` is not a variable name or the start of one [spile::user::variable]",
                "SPILE_ALLOW_VARIABLES:1: `A-B` is not a variable name or the start of one [spile::user::variable]",
                "SPILE_ALLOW_VARIABLES:1: `SOPS_AGE_KEY` cannot be allowed: sops variables hold the keys that decrypt secrets [spile::user::sops_variable]",
                "config.toml:2: `SOPS_*` cannot be allowed: sops variables hold the keys that decrypt secrets [spile::user::sops_variable]",
                "config.toml:2: `${A}` is not a variable name or the start of one [spile::user::variable]",
                "config.toml:3: unknown key `x` [spile::toml::unknown_key]",
            ]
        );
    }

    #[test]
    fn a_prefix_that_covers_the_keys_of_secrets_allows_none_of_them() {
        let (allowed, problems) = allowed("S*", "");
        assert_eq!(problems, [""; 0]);
        assert!(admits(&allowed, "SMTP_PASSWORD") && !admits(&allowed, "SOPS_AGE_KEY"));
    }
}
