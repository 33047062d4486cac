//! Which notifications a channel gets, and how often.

use std::collections::BTreeSet;
use std::time::Duration;

use miette::{Diagnostic, SourceSpan};

use super::{Alert, Subject};
use crate::integration::Integrations;
use crate::plan::Selector;
use crate::problem::Problems;
use crate::settings::{AlertKind, Channel};

/// Which notifications a channel gets, and how often.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The kinds of alerts.
    pub on: BTreeSet<AlertKind>,
    /// The integrations; empty means all.
    pub only: Vec<Selector>,
    /// After how long a lasting alert is repeated; `None` means never.
    pub repeat: Option<Duration>,
    /// How many messages the channel gets per hour.
    pub most_per_hour: usize,
}

impl From<&Channel> for Policy {
    fn from(channel: &Channel) -> Self {
        Self {
            on: channel.on.clone(),
            // Invalid words were rejected when the files were checked.
            only: channel.only.iter().filter_map(|word| word.parse().ok()).collect(),
            repeat: channel.repeat,
            most_per_hour: usize::try_from(channel.most_per_hour).unwrap_or(usize::MAX),
        }
    }
}

impl Policy {
    /// Tells whether the channel wants an alert.
    #[must_use]
    pub fn wants(&self, alert: &Alert) -> bool {
        self.on.contains(&alert.kind()) && self.is_about(alert.integration.as_ref())
    }

    /// Tells whether the channel is notified about an integration. Every channel is notified about the project itself.
    fn is_about(&self, subject: Option<&Subject>) -> bool {
        let Some(subject) = subject.filter(|_| !self.only.is_empty()) else { return true };
        self.only.iter().any(|word| names(word, subject))
    }
}

/// The tags of an invalid file may be unknown. One message too many is better than one too few.
fn names(word: &Selector, subject: &Subject) -> bool {
    match word {
        Selector::Name(slug) => *slug == subject.slug,
        Selector::Glob(pattern) => pattern.matches(subject.slug.as_str()),
        Selector::Tag(tag) => subject.tags.as_ref().is_none_or(|tags| tags.contains(tag)),
    }
}

/// Mistakes in the words of `only`.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum OnlyMistake {
    /// A word of `only` that is not a name, a pattern, or a tag.
    #[error("`{word}` is not a name, a name pattern, or a `#tag`")]
    #[diagnostic(code(spile::notify::only), help("use a name, a pattern like `shop-*`, or a tag like `#crm`"))]
    Word {
        /// What was written.
        word: String,
        /// Where it is.
        #[label("here")]
        span: SourceSpan,
    },
    /// A word of `only` that names no integration.
    #[error("`{word}` matches no integration")]
    #[diagnostic(
        severity(warning),
        code(spile::notify::names_nothing),
        help("fix the spelling, or remove it: no notification matches it")
    )]
    Nothing {
        /// What was written.
        word: String,
        /// Where it is.
        #[label("no match")]
        span: SourceSpan,
    },
}

/// Checks the words of a channel's `only`. `integrations` holds all integrations of the project; `None` if some cannot
/// be read, because a word may name one of those.
pub fn check(channel: &Channel, integrations: Option<&Integrations>, problems: &mut Problems) {
    let is_named =
        |selector: &Selector, all: &Integrations| all.iter().any(|one| names(selector, &Subject::from(&**one)));
    for written in &channel.only {
        let (word, span) = (written.value.clone(), written.place.span.clone().into());
        match written.parse::<Selector>() {
            Err(_) => problems.push(&written.place.source, OnlyMistake::Word { word, span }),
            Ok(selector) if integrations.is_some_and(|all| !is_named(&selector, all)) => {
                problems.push(&written.place.source, OnlyMistake::Nothing { word, span });
            }
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::tests::alert;

    fn policy(only: &[&str]) -> Policy {
        Policy {
            on: [AlertKind::Failure].into(),
            only: only.iter().map(|word| word.parse().unwrap()).collect(),
            repeat: None,
            most_per_hour: 1,
        }
    }

    #[test]
    fn a_channel_is_notified_about_what_it_names() {
        let failure = alert(AlertKind::Failure, 1, 0);
        for (only, wanted) in
            [(&[][..], true), (&["shop-1"], true), (&["shop-2"], false), (&["shop-*"], true), (&["#crm", "x"], true)]
        {
            assert_eq!(policy(only).wants(&failure), wanted, "{only:?}");
        }
        assert!(!policy(&["#hr"]).wants(&failure));
        assert!(!policy(&[]).wants(&alert(AlertKind::Stale, 1, 0)));
    }

    #[test]
    fn every_channel_is_notified_about_the_project() {
        let whole = Alert { integration: None, ..alert(AlertKind::Failure, 1, 0) };
        assert!(policy(&["shop-2"]).wants(&whole));
        let mut unknown = alert(AlertKind::Failure, 1, 0);
        unknown.integration.as_mut().unwrap().tags = None;
        assert!(policy(&["#hr"]).wants(&unknown));
    }
}
