//! When an integration is synced: one of Meltano's presets, or a cron expression with five fields.

use std::fmt;
use std::str::FromStr;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

/// The presets of Meltano 4.4, from its JSON schema.
pub const PRESETS: [&str; 6] = ["@hourly", "@daily", "@weekly", "@monthly", "@yearly", "@once"];

/// The meanings of the presets in Meltano; `@once` is not a cron expression.
const MEANINGS: [(&str, &str); 5] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
];

/// A valid preset or cron expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule(String);

impl Schedule {
    /// Returns the preset or expression as written, with single blanks.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the cron expression, which computes when it is due; `@once` has none.
    #[must_use]
    pub fn cron(&self) -> Option<Cron> {
        let meaning = MEANINGS.iter().find(|(preset, _)| *preset == self.0);
        let expression = meaning.map_or(self.0.as_str(), |(_, expression)| expression);
        parser().parse(expression).ok()
    }
}

fn parser() -> CronParser {
    CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build()
}

/// Why a string is not a schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotASchedule {
    /// A preset that Meltano does not have.
    #[error("`{0}` is not one of Meltano's presets")]
    Preset(String),
    /// A number of fields other than five.
    #[error("a cron expression has five fields, `{text}` has {fields}")]
    Fields {
        /// What was written.
        text: String,
        /// How many fields it has.
        fields: usize,
    },
    /// A field that is invalid or out of range.
    #[error("`{text}` is not a cron expression: {reason}")]
    Cron {
        /// What was written.
        text: String,
        /// The parser's own message.
        reason: String,
    },
}

impl FromStr for Schedule {
    type Err = NotASchedule;

    fn from_str(text: &str) -> Result<Self, NotASchedule> {
        if text.starts_with('@') {
            let known = PRESETS.contains(&text);
            return known.then(|| Self(text.to_owned())).ok_or_else(|| NotASchedule::Preset(text.to_owned()));
        }
        let fields: Vec<&str> = text.split_whitespace().collect();
        if fields.len() != 5 {
            return Err(NotASchedule::Fields { text: text.to_owned(), fields: fields.len() });
        }
        let expression = fields.join(" ");
        match parser().parse(&expression) {
            Ok(_) => Ok(Self(expression)),
            Err(error) => {
                let reason = error.to_string().trim_end_matches('.').to_lowercase();
                Err(NotASchedule::Cron { text: text.to_owned(), reason })
            }
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_and_cron_expressions_are_accepted() {
        for good in ["@hourly", "@once", "0 * * * *", "*/15 6-20 * * 1-5", "0 0 1,15 * *"] {
            assert_eq!(good.parse::<Schedule>().unwrap().as_str(), good);
        }
        assert_eq!("0  6 * * *".parse::<Schedule>().unwrap().as_str(), "0 6 * * *");
    }

    #[test]
    fn all_but_once_have_a_cron_expression() {
        for preset in PRESETS {
            let is_there = preset.parse::<Schedule>().unwrap().cron().is_some();
            assert_eq!(is_there, preset != "@once", "{preset}");
        }
    }

    #[test]
    fn schedules_that_meltano_cannot_run_are_rejected() {
        for bad in ["@houry", "", "* * * *", "0 0 * * * *", "61 * * * *", "a * * * *", "0 25 * * *"] {
            assert!(bad.parse::<Schedule>().is_err(), "{bad}");
        }
    }
}
