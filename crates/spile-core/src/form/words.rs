//! Answers on a command line: `--set name=value`, `--secret name=@file`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use super::{AnswerMistake, Rank, answer, ranked};
use crate::connector::{Connector, Setting};
use crate::integration::check::secret_in;
use crate::problem::{Problems, did_you_mean, listed};
use crate::secrecy::NOT_SHOWN;
use crate::source::Source;
use crate::value::Settings;

/// The options of a command line that answer a form.
#[derive(Debug, Clone, Copy)]
pub struct AnswerWords<'a> {
    /// The values of `--set`.
    pub set: &'a [String],
    /// The values of `--secret`.
    pub secret: &'a [String],
}

/// The answers given on a command line.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GivenAnswers {
    /// The values of settings.
    pub config: Settings,
    /// The sources of secrets.
    pub secrets: BTreeMap<String, SecretSource>,
}

impl GivenAnswers {
    /// Tells whether a setting was given, as a plain value or as a secret.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.config.contains_key(name) || self.secrets.contains_key(name)
    }
}

/// Where to read a secret from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// A file.
    File(PathBuf),
    /// Standard input.
    StandardInput,
    /// A prompt.
    Typed,
}

/// The values of one option as a text with one line per value, so that mistakes have a position.
struct Flag<'a> {
    source: Source,
    words: &'a [String],
}

/// One value of an option, and where it starts.
#[derive(Clone, Copy)]
struct Word<'a> {
    source: &'a Source,
    text: &'a str,
    start: usize,
}

impl<'a> Flag<'a> {
    fn new(flag: &str, words: &'a [String]) -> Self {
        Self { source: Source::new(flag, words.join("\n")), words }
    }

    fn words(&self) -> impl Iterator<Item = Word<'_>> {
        let mut start = 0;
        self.words.iter().map(move |text| {
            let word = Word { source: &self.source, text, start };
            start += text.len() + 1;
            word
        })
    }
}

impl Word<'_> {
    fn span(&self, part: Range<usize>) -> Range<usize> {
        self.start + part.start..self.start + part.end
    }

    /// Hides everything after the name from excerpts; all of it if there is no name.
    fn hide(&self, name: &str, problems: &mut Problems) {
        let from = if name.is_empty() { 0 } else { (name.len() + 1).min(self.text.len()) };
        problems.hide(&self.source.place(self.span(from..self.text.len())));
    }
}

/// Reads the options, and checks each against the connector. Every mistake is reported at its position.
pub fn read(words: AnswerWords<'_>, connector: &Connector, problems: &mut Problems) -> GivenAnswers {
    let mut given = GivenAnswers::default();
    for word in Flag::new("--set", words.set).words() {
        let Some((setting, typed)) = set(word, connector, problems) else { continue };
        match answer(setting, typed) {
            Ok(value) => {
                if given.config.insert(setting.name.clone(), value).is_some() {
                    twice(word, setting, problems);
                }
            }
            Err(help) => {
                let span = word.span(setting.name.len() + 1..word.text.len()).into();
                problems.push(word.source, AnswerMistake::Value { name: setting.name.clone(), span, help });
            }
        }
    }
    for word in Flag::new("--secret", words.secret).words() {
        let Some((setting, from)) = secret(word, connector, problems) else { continue };
        if given.secrets.insert(setting.name.clone(), from).is_some() {
            twice(word, setting, problems);
        }
    }
    given
}

/// Reports the required settings that are not set.
pub fn missing(given: &GivenAnswers, connector: &Connector, problems: &mut Problems) {
    let source = Source::new("--type", &*connector.head.name);
    for setting in ranked(connector, Rank::Required).filter(|setting| !given.has(&setting.name)) {
        let name = &setting.name;
        let options = setting.kind.option_words();
        let flag = if setting.secret {
            format!("--secret {name}=@FILE")
        } else if options.is_empty() {
            format!("--set {name}={}", setting.wanted().1.trim_matches('"'))
        } else {
            format!("--set {name}={}", options.join("|"))
        };
        let (connector, span) = (connector.head.name.clone(), (0..connector.head.name.len()).into());
        problems.push(&source, AnswerMistake::Missing { connector, name: name.clone(), flag, span });
    }
}

fn set<'a, 'w>(word: Word<'w>, connector: &'a Connector, problems: &mut Problems) -> Option<(&'a Setting, &'w str)> {
    let Some((name, typed)) = word.text.split_once('=') else {
        // `--set password VALUE` may contain a secret instead of the expected word.
        let is_name = connector.setting(word.text).is_some();
        if !is_name {
            word.hide("", problems);
        }
        let written = if is_name { word.text.to_owned() } else { NOT_SHOWN.to_owned() };
        let span = word.span(0..word.text.len()).into();
        problems.push(word.source, AnswerMistake::NoValue { word: written, example: "--set name=value", span });
        return None;
    };
    let setting = setting(name, word, connector, problems);
    if setting.is_none_or(|setting| setting.secret) {
        // If the name is unknown, its value may be a secret as well.
        word.hide(name, problems);
    }
    let setting = setting?;
    if setting.secret {
        let span = word.span(0..name.len()).into();
        problems.push(word.source, AnswerMistake::SecretInTheOpen { name: name.to_owned(), span });
        return None;
    }
    if let Some(seen) = secret_in(setting, &typed.into()) {
        word.hide(name, problems);
        let span = word.span(0..name.len()).into();
        problems.push(word.source, AnswerMistake::SecretValue { name: name.to_owned(), what: seen.what, span });
        return None;
    }
    Some((setting, typed))
}

fn secret<'a>(
    word: Word<'_>,
    connector: &'a Connector,
    problems: &mut Problems,
) -> Option<(&'a Setting, SecretSource)> {
    let (name, from) = word.text.split_once('=').map_or((word.text, None), |(name, from)| (name, Some(from)));
    word.hide(name, problems);
    let setting = setting(name, word, connector, problems)?;
    if !setting.secret {
        let span = word.span(0..name.len()).into();
        problems.push(word.source, AnswerMistake::NoSecret { name: name.to_owned(), span });
        return None;
    }
    let path = from.and_then(|from| from.strip_prefix('@')).filter(|path| !path.is_empty());
    match (from, path) {
        (None, _) => Some((setting, SecretSource::Typed)),
        (Some("-"), _) => Some((setting, SecretSource::StandardInput)),
        (Some(_), Some(path)) => Some((setting, SecretSource::File(PathBuf::from(path)))),
        (Some(_), None) => {
            let span = word.span(name.len() + 1..word.text.len()).into();
            problems.push(word.source, AnswerMistake::SecretSource { name: name.to_owned(), span });
            None
        }
    }
}

fn setting<'a>(name: &str, word: Word<'_>, connector: &'a Connector, problems: &mut Problems) -> Option<&'a Setting> {
    let found = connector.setting(name);
    if found.is_none() {
        let names = || connector.settings.iter().map(|setting| setting.name.as_str());
        let near = did_you_mean(name, names());
        // A word that is nothing like a name may be a secret, as in `--secret password VALUE`.
        let is_shown = near.is_some() || word.text.contains('=');
        if !is_shown {
            word.hide("", problems);
        }
        let help = near.unwrap_or_else(|| format!("its settings are {}", listed(names())));
        let name = if is_shown { name.to_owned() } else { NOT_SHOWN.to_owned() };
        let span = word.span(0..word.text.split('=').next().unwrap_or_default().len()).into();
        let connector = connector.head.name.clone();
        problems.push(word.source, AnswerMistake::UnknownSetting { connector, name, span, help });
    }
    found
}

fn twice(word: Word<'_>, setting: &Setting, problems: &mut Problems) {
    let span = word.span(0..setting.name.len()).into();
    problems.push(word.source, AnswerMistake::Twice { name: setting.name.clone(), span });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::{Catalog, Role};

    fn told(set: &[&str], secret: &[&str]) -> (GivenAnswers, Vec<String>) {
        let mut problems = Problems::default();
        let connector = Catalog::new(&[], &mut problems).find(Role::Extractor, "postgres").unwrap();
        let owned = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (set, secret) = (owned(set), owned(secret));
        let given = read(AnswerWords { set: &set, secret: &secret }, &connector, &mut problems);
        let report = problems.into_report();
        let excerpt = |problem: &crate::problem::Problem| report.excerpt_text(&problem.source);
        let lines = report.problems().iter().map(|problem| format!("{problem:?} {}", excerpt(problem)));
        (given, lines.collect())
    }

    #[test]
    fn values_and_sources_of_secrets_are_parsed() {
        let (given, mistakes) = told(&["port=5433", "host=db=1"], &["password=@p.txt", "sqlalchemy_url=-"]);
        assert_eq!(mistakes, [""; 0]);
        assert_eq!(serde_json::json!(given.config), serde_json::json!({ "host": "db=1", "port": 5433 }));
        assert_eq!(given.secrets["password"], SecretSource::File("p.txt".into()));
        assert_eq!(given.secrets["sqlalchemy_url"], SecretSource::StandardInput);
    }

    #[test]
    fn possible_secrets_do_not_appear_in_messages() {
        let set = ["port=abc", "pasword=hunter2", "password=hunter2", "host"];
        let (given, mistakes) = told(&set, &["password=hunter2", "sqlalchemy_urls=hunter2", "host=@x", "password"]);
        assert_eq!(mistakes.len(), 7, "{mistakes:#?}");
        assert!(!mistakes.join("\n").contains("hunter2"), "{mistakes:#?}");
        assert!(
            mistakes.iter().any(|mistake| mistake.contains("port=abc")),
            "what is no secret is shown: {mistakes:#?}"
        );
        assert_eq!(given.secrets.len(), 1);
    }

    #[test]
    fn a_mistake_is_shown_at_the_wrong_part_of_its_word() {
        let connector = Catalog::built_in(Role::Extractor, "postgres").unwrap();
        for (set, secret, at, shown, message) in [
            ("host=db port=abc", "", "abc", "host=db\nport=abc", "`port` does not accept this value"),
            ("password=abc", "", "password", "password=***", "`password` is a secret, and anyone on this machine"),
            ("port=1 port=2", "", "port", "port=1\nport=2", "`port` is set twice"),
            ("", "password password=-", "password", "password\npassword=*", "`password` is set twice"),
            ("", "password=abc", "abc", "password=***", "cannot tell where to read the secret `password` from"),
            ("nonsense=1", "", "nonsense", "nonsense=*", "`postgres` has no setting `nonsense`"),
            ("", "pasword", "pasword", "pasword", "`postgres` has no setting `pasword`"),
            ("", "hunter2", "hunter2", "*******", "`postgres` has no setting `(not shown)`"),
        ] {
            let words = |words: &str| words.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            let mut problems = Problems::default();
            read(AnswerWords { set: &words(set), secret: &words(secret) }, &connector, &mut problems);
            let report = problems.into_report();
            let [problem] = report.problems() else { panic!("{report:?}") };
            assert_eq!(&problem.source.text()[problem.place().span], at);
            assert_eq!(report.excerpt_text(&problem.source), shown);
            assert!(problem.message().to_string().starts_with(message), "{problem:?}");
        }
    }

    #[test]
    fn a_setting_given_as_a_value_or_a_secret_is_not_missing() {
        let (given, _) = told(&["host=db"], &["password"]);
        assert!(given.has("host") && given.has("password") && !given.has("port"));
    }
}
