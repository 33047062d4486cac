//! `[registry]`: where rows are kept, as written; variables are put in when the registry is opened, not before, so that
//! `check` needs none.

use miette::{Diagnostic, SourceSpan};

use super::variables::{self, Variables, is_variable};
use crate::problem::Problems;
use crate::secret::Secret;
use crate::source::Placed;
use crate::table::{Mistake, Table};

/// What can be wrong with `[registry]` beyond its form.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum RegistryMistake {
    /// A key in a file that goes to git.
    #[error("the key of the registry stands in plain text")]
    #[diagnostic(
        code(spile::registry::literal_key),
        help(
            "name a variable, such as `key = \"${{SUPABASE_SECRET_KEY}}\"`, and make a new key if this file was ever shared"
        )
    )]
    LiteralKey {
        /// The key.
        #[label("a secret")]
        span: SourceSpan,
    },
    /// A variable that nobody set.
    #[error("the environment variable `{name}` is not set")]
    #[diagnostic(code(spile::registry::unset), help("set `{name}` where spile runs; `spile check` needs none"))]
    Unset {
        /// The variable.
        name: String,
        /// Where it is named.
        #[label("needs `{name}`")]
        span: SourceSpan,
    },
    /// An address that is none. It is not said: it may hold a password, and has come from a variable where there is one.
    #[error("`url` is not the address of a Supabase project")]
    #[diagnostic(
        code(spile::registry::url),
        help("write `https://<project>.supabase.co`, as the project's API settings show it")
    )]
    Url {
        /// Where it stands.
        #[label("here")]
        span: SourceSpan,
    },
    /// Something else was pasted in place of a key.
    #[error("what `key` names is no key of Supabase's")]
    #[diagnostic(
        code(spile::registry::key),
        help(
            "use a secret key (`sb_secret_...`) or the legacy service_role key (`eyJ...`) of the project's API settings"
        )
    )]
    Key {
        /// Where it is named.
        #[label("names it")]
        span: SourceSpan,
    },
    /// A key that every visitor of the dashboard has.
    #[error("what `key` names is a publishable key: it may not write, nor read secrets")]
    #[diagnostic(
        code(spile::registry::publishable_key),
        help("use a secret key, `sb_secret_...`, of the project's API settings")
    )]
    PublishableKey {
        /// Where it is named.
        #[label("names it")]
        span: SourceSpan,
    },
}

/// Where rows are kept.
#[derive(Debug, Clone)]
pub enum Registry {
    /// An embedded SQLite file, `.spile/registry.db`.
    Local,
    /// A Supabase project.
    Supabase(Box<Supabase>),
}

/// A Supabase project, as written.
#[derive(Debug, Clone)]
pub struct Supabase {
    /// `https://<project>.supabase.co`, or a variable.
    pub url: Placed<String>,
    /// The variable that holds the key.
    pub key: Placed<String>,
    /// Where the REST API is below the address.
    pub rest_path: String,
    /// The schema of the tables.
    pub schema: String,
}

impl Supabase {
    /// Returns the address and the key, variables put in.
    pub fn resolved(&self, variables: Variables, problems: &mut Problems) -> Option<(String, Secret)> {
        let url = expanded(&self.url, variables, problems);
        let key = expanded(&self.key, variables, problems);
        let (url, key) = (url?, Secret::new(key?));
        let is_url =
            ["https://", "http://"].iter().any(|scheme| url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
        if !is_url {
            let span = self.url.place.span.clone().into();
            if !is_variable(&self.url) {
                problems.hide(&self.url.place);
            }
            problems.push(&self.url.place.source, RegistryMistake::Url { span });
        }
        let span = self.key.place.span.clone().into();
        if key.expose().starts_with("sb_publishable_") {
            problems.push(&self.key.place.source, RegistryMistake::PublishableKey { span });
            return None;
        }
        if !["sb_secret_", "eyJ"].iter().any(|start| key.expose().starts_with(start)) {
            problems.push(&self.key.place.source, RegistryMistake::Key { span });
            return None;
        }
        is_url.then(|| (url.trim_end_matches('/').to_owned(), key))
    }
}

/// Puts the values of variables in place of `${NAME}`.
fn expanded(written: &Placed<String>, variables: Variables, problems: &mut Problems) -> Option<String> {
    match variables::expanded(&written.value, variables) {
        Ok(text) => Some(text),
        Err(unset) => {
            for name in unset {
                let span = written.place.span.clone().into();
                problems.push(&written.place.source, RegistryMistake::Unset { name, span });
            }
            None
        }
    }
}

/// The kinds of registries by their word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Local,
    Supabase,
}

/// A table `[registry]` as it stands; an environment's is laid over the project's, key by key.
#[derive(Debug, Clone, Default)]
pub(super) struct RegistryTable {
    kind: Option<Placed<Kind>>,
    url: Option<Placed<String>>,
    key: Option<Placed<String>>,
    rest_path: Option<Placed<String>>,
    schema: Option<Placed<String>>,
}

impl RegistryTable {
    pub(super) fn read(table: Table<'_>, problems: &mut Problems) -> Self {
        let read = Self {
            kind: table.choice("kind", &[("local", Kind::Local), ("supabase", Kind::Supabase)], problems),
            url: table.text("url", problems),
            key: table.secret_text("key", problems),
            rest_path: table.text("rest_path", problems),
            schema: table.text("schema", problems),
        };
        if let Some(key) = read.key.as_ref().filter(|key| !is_variable(key)) {
            problems.hide(&key.place);
            let span = key.place.span.clone().into();
            problems.push(&key.place.source, RegistryMistake::LiteralKey { span });
        }
        table.finish(problems);
        read
    }

    pub(super) fn over(self, base: &Self) -> Self {
        Self {
            kind: self.kind.or_else(|| base.kind.clone()),
            url: self.url.or_else(|| base.url.clone()),
            key: self.key.or_else(|| base.key.clone()),
            rest_path: self.rest_path.or_else(|| base.rest_path.clone()),
            schema: self.schema.or_else(|| base.schema.clone()),
        }
    }

    pub(super) fn checked(self, problems: &mut Problems) -> Registry {
        let Some(kind) = self.kind.filter(|kind| kind.value == Kind::Supabase) else { return Registry::Local };
        let mut missing = |key: &str, example| {
            let span = kind.place.span.clone().into();
            problems.push(&kind.place.source, Mistake::MissingKey { key: key.to_owned(), example, span });
        };
        if self.url.is_none() {
            missing("url", "\"${SUPABASE_URL}\"");
        }
        if self.key.is_none() {
            missing("key", "\"${SUPABASE_SECRET_KEY}\"");
        }
        let (Some(url), Some(key)) = (self.url, self.key) else { return Registry::Local };
        let text =
            |written: Option<Placed<String>>, default: &str| written.map_or(default.to_owned(), |text| text.value);
        let rest_path = text(self.rest_path, "/rest/v1");
        let schema = text(self.schema, "public");
        Registry::Supabase(Box::new(Supabase { url, key, rest_path, schema }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    /// What the address of a registry becomes, which codes are found, and what excerpts show of the file.
    fn resolved(url: &str) -> (Option<String>, Vec<String>, String) {
        let source = Source::new("spile.toml", format!("url = '{url}'\nkey = '${{KEY}}'\n"));
        let placed = |text: &str| {
            let start = source.text().find(text).unwrap();
            Placed { value: text.to_owned(), place: source.place(start..start + text.len()) }
        };
        let (rest_path, schema) = ("/rest/v1".to_owned(), "public".to_owned());
        let supabase = Supabase { url: placed(url), key: placed("${KEY}"), rest_path, schema };
        let variables: Variables = |name| match name {
            "KEY" => Some("sb_secret_x".to_owned()),
            "URL" => Some("https://x.supabase.co".to_owned()),
            "PASTED" => Some("hunter2".to_owned()),
            _ => None,
        };
        let mut problems = Problems::default();
        let url = supabase.resolved(variables, &mut problems).map(|(url, _)| url);
        let report = problems.into_report();
        let codes = report.problems().iter().map(crate::problem::Problem::code).collect();
        (url, codes, report.excerpt_text(&source))
    }

    #[test]
    fn an_address_that_is_none_is_kept_out_of_excerpts_and_the_variable_that_held_it_is_shown() {
        for good in ["https://x.supabase.co/", "${URL}"] {
            let (url, codes, _) = resolved(good);
            assert_eq!((url.as_deref(), codes), (Some("https://x.supabase.co"), Vec::new()), "{good}");
        }
        for (bad, shown) in [("postgres://u:hunter2@h", "**********************"), ("${PASTED}", "${PASTED}")] {
            let (url, codes, excerpt) = resolved(bad);
            assert_eq!((url, codes), (None, vec!["spile::registry::url".to_owned()]), "{bad}");
            assert_eq!(excerpt, format!("url = '{shown}'\nkey = '${{KEY}}'\n"));
        }
        assert_eq!(resolved("${NONE}").1, ["spile::registry::unset"]);
    }
}
