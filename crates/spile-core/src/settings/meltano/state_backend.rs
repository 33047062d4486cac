//! `state_backend` of `[meltano]`: where the project stores state.

use url::Url;

use crate::source::Placed;
use crate::table::TomlMistake;

/// The word for the registry.
const REGISTRY: &str = "registry";

/// The word for Meltano's own database.
const LOCAL: &str = "local";

/// The addresses for which Meltano needs an extra, and the extra.
const EXTRAS: [(&str, &str); 3] = [("s3", "s3"), ("gs", "gcs"), ("azure", "azure")];

/// Where state is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateBackend {
    /// In the hosted registry; if the registry is a local file, in Meltano's own database.
    Registry,
    /// In Meltano's own database, on each machine.
    Local,
    /// At an address that Meltano supports, for example `s3://bucket/folder`.
    At(String),
}

impl StateBackend {
    /// Parses the setting.
    ///
    /// # Errors
    /// When it is neither one of the words nor an address, or contains a password.
    pub(super) fn read(written: &Placed<String>) -> Result<Self, TomlMistake> {
        let text = written.as_str();
        let mistake = |message: String, help: &str| {
            let (span, help) = (written.place.span.clone().into(), Some(help.to_owned()));
            TomlMistake::Invalid { key: "state_backend".to_owned(), message, span, help }
        };
        if [REGISTRY, LOCAL].contains(&text) {
            return Ok(if text == REGISTRY { Self::Registry } else { Self::Local });
        }
        let Some(url) = Url::parse(text).ok().filter(|url| text.contains("://") && url.scheme() != "spile") else {
            let help = "use `registry`, `local`, or an address that Meltano supports, for example `s3://bucket/folder`";
            return Err(mistake(format!("`{text}` is not a valid place for bookmarks"), help));
        };
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            let help = "remove it, and set Meltano's variable for it where spile runs, for example `MELTANO_STATE_BACKEND_S3_AWS_SECRET_ACCESS_KEY`";
            return Err(mistake("the address contains credentials or options".to_owned(), help));
        }
        Ok(Self::At(text.to_owned()))
    }

    /// Returns the extra of Meltano's package that it needs.
    pub(super) fn extra(&self) -> Option<&'static str> {
        let Self::At(address) = self else { return None };
        let scheme = address.split("://").next()?;
        EXTRAS.into_iter().find(|(known, _)| *known == scheme).map(|(_, extra)| extra)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    fn read(text: &str) -> Result<StateBackend, String> {
        let written = Placed { value: text.to_owned(), place: Source::new("spile.toml", "").start() };
        StateBackend::read(&written).map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn words_and_addresses_are_accepted_with_the_extras_that_they_need() {
        assert_eq!(read("registry"), Ok(StateBackend::Registry));
        assert_eq!(read("local"), Ok(StateBackend::Local));
        for (address, extra) in [
            ("s3://bucket/folder", Some("s3")),
            ("gs://bucket", Some("gcs")),
            ("azure://container/a", Some("azure")),
            ("file:///srv/state", None),
        ] {
            let read = read(address).unwrap();
            assert_eq!((&read, read.extra()), (&StateBackend::At(address.to_owned()), extra));
        }
    }

    #[test]
    fn invalid_places_and_passwords_are_rejected_and_the_password_is_not_shown() {
        for text in ["supabase", "", "s3:bucket", "spile://registry", "/srv/state"] {
            assert!(read(text).unwrap_err().contains("is not a valid place for bookmarks"), "{text}");
        }
        for text in ["s3://key:hunter2@bucket", "azure://c?sig=hunter2"] {
            let said = read(text).unwrap_err();
            assert!(said.contains("contains credentials") && !said.contains("hunter2"), "{said}");
        }
    }
}
