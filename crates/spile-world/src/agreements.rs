//! The hosts that the user trusts on this machine: which secret from the environment may be sent to which host in a
//! file.
//!
//! Agreements are stored in the user's own state folder by host and variable. So they cover every clone of a project,
//! and no clone can bring its own.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use miette::{Diagnostic, SourceSpan};
use serde::{Deserialize, Serialize};

use crate::files::door::replace_private;
use crate::files::own_folder::Own;
use crate::files::process_lock::{Lock, RunLock};
use crate::files::user_files::{UserFolders, read_own};
use spile_core::problem::Problems;
use spile_core::settings::{self, Agreement, Sent, TRUST_OPTION, TRUST_VARIABLE, TrustedHost};
use spile_core::source::Source;

/// The version of the file format that this program writes.
const VERSION: u32 = 1;

/// An entry of `SPILE_TRUST_REGISTRY` that is not a host.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("`{word}` is not a host")]
#[diagnostic(
    code(spile::user::host),
    help("use a host like `x.supabase.co`, or an address without a path like `https://x.supabase.co`")
)]
struct NoHost {
    word: String,
    #[label("here")]
    span: SourceSpan,
}

/// The agreements of the user on this machine.
#[derive(Debug, Default)]
pub struct Agreements {
    /// The hosts that the command line and the environment trust, each with the option or variable that names it.
    trusted: Vec<(TrustedHost, &'static str)>,
    file: Option<PathBuf>,
    /// The repositories that must not contain the file, because a branch could bring it.
    repositories: Vec<PathBuf>,
    /// The agreements since the program started. They are valid even if they cannot be stored.
    now: Mutex<BTreeSet<Agreement>>,
}

/// The content of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AgreementsFile {
    version: u32,
    agreed: BTreeSet<KeptAgreement>,
}

/// An agreement as the file stores it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptAgreement {
    host: String,
    variable: String,
    what: Sent,
}

impl From<&Agreement> for KeptAgreement {
    fn from(agreement: &Agreement) -> Self {
        let Agreement { host, variable, what } = agreement;
        Self { host: host.to_string(), variable: variable.to_string(), what: *what }
    }
}

impl Agreements {
    /// Names the file of agreements. Nothing is read yet.
    #[must_use]
    pub fn of(folders: &UserFolders) -> Self {
        let file = folders.state.as_ref().map(|folder| folder.join("registries.json"));
        Self { file, repositories: folders.repositories.clone(), ..Self::default() }
    }

    /// Trusts the hosts from the command line and from `SPILE_TRUST_REGISTRY`.
    #[must_use]
    pub fn trusting(mut self, option: &[TrustedHost], variable: Option<&str>, problems: &mut Problems) -> Self {
        self.trusted.extend(option.iter().map(|host| (host.clone(), TRUST_OPTION)));
        for word in settings::words(&Source::new(TRUST_VARIABLE, variable.unwrap_or_default())) {
            let span = word.place.span.clone().into();
            match word.parse() {
                Ok(host) => self.trusted.push((host, TRUST_VARIABLE)),
                Err(_) => problems.push(&word.place.source, NoHost { word: word.value.clone(), span }),
            }
        }
        self
    }

    /// Tells whether the user has agreed to something. Reads the file each time, so that a server notices an agreement
    /// made at a terminal at once. A file that is not trusted or cannot be parsed contains no agreements.
    #[must_use]
    pub fn cover(&self, agreement: &Agreement) -> bool {
        self.trusted.iter().any(|(host, _)| host.is(&agreement.host))
            || self.with_now(|now| now.contains(agreement))
            || self.kept().is_ok_and(|kept| kept.agreed.contains(&agreement.into()))
    }

    /// Records an agreement.
    ///
    /// # Errors
    /// When it cannot be stored for the next time. It is still valid until the program ends.
    pub fn remember(&self, agreement: &Agreement) -> io::Result<()> {
        self.with_now(|now| now.insert(agreement.clone()));
        let no_place = || io::Error::other("your home folder is unknown or inside the project's repository");
        let file = self.file.as_ref().ok_or_else(no_place)?;
        let _lock = RunLock::hold(&Own::at(file.parent().unwrap_or(Path::new("/"))), Lock::Own)?;
        let mut kept = self.kept()?;
        kept.agreed.insert(agreement.into());
        let mut text = serde_json::to_string_pretty(&kept).map_err(io::Error::from)?;
        text.push('\n');
        replace_private(file, text.as_bytes())
    }

    /// Returns all agreements as text, each with its source.
    ///
    /// # Errors
    /// When the file is not trusted or cannot be parsed.
    pub fn listed(&self) -> io::Result<Vec<String>> {
        let mut listed: Vec<String> = self.trusted.iter().map(|(host, from)| format!("{host} ({from})")).collect();
        let from = self.file.as_ref().map(|file| file.display().to_string()).unwrap_or_default();
        let line = |one: KeptAgreement| format!("{} for `{}` ({from})", one.host, one.variable);
        listed.extend(self.kept()?.agreed.into_iter().map(line));
        Ok(listed)
    }

    fn kept(&self) -> io::Result<AgreementsFile> {
        let none = AgreementsFile { version: VERSION, agreed: BTreeSet::new() };
        let Some(file) = &self.file else { return Ok(none) };
        let Some(text) = read_own(file, &self.repositories).map_err(io::Error::other)? else { return Ok(none) };
        let kept: AgreementsFile = serde_json::from_str(&text)?;
        if kept.version == VERSION {
            Ok(kept)
        } else {
            Err(io::Error::other("it was written by a newer version of spile"))
        }
    }

    fn with_now<T>(&self, work: impl FnOnce(&mut BTreeSet<Agreement>) -> T) -> T {
        work(&mut self.now.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use spile_core::settings::WebAddress;

    fn agreement(url: &str, variable: &str) -> Agreement {
        let host = url.parse::<WebAddress>().unwrap().host();
        Agreement { host, variable: variable.parse().unwrap(), what: Sent::Key }
    }

    fn at(folder: &Path) -> Agreements {
        Agreements::of(&UserFolders { state: Some(folder.join("state/spile")), ..UserFolders::default() })
    }

    #[test]
    fn an_agreement_is_stored_for_one_host_and_one_variable() {
        let folder = tempfile::tempdir().unwrap();
        let agreed = agreement("https://X.example", "SUPABASE_KEY");
        assert!(!at(folder.path()).cover(&agreed));
        at(folder.path()).remember(&agreed).unwrap();
        at(folder.path()).remember(&agreement("https://y.example", "SUPABASE_KEY")).unwrap();
        assert!(at(folder.path()).cover(&agreement("https://x.example:443/", "SUPABASE_KEY")));
        for (url, variable) in [
            ("https://z.example", "SUPABASE_KEY"),
            ("https://x.example:8443", "SUPABASE_KEY"),
            ("https://x.example", "SUPABASE_PROD_KEY"),
        ] {
            assert!(!at(folder.path()).cover(&agreement(url, variable)), "{url} {variable}");
        }
        let file = folder.path().join("state/spile/registries.json");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(file.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(at(folder.path()).listed().unwrap().len(), 2);
    }

    #[test]
    fn a_file_that_is_not_trusted_or_not_valid_contains_no_agreements() {
        let folder = tempfile::tempdir().unwrap();
        let agreed = agreement("https://x.example", "SUPABASE_KEY");
        at(folder.path()).remember(&agreed).unwrap();
        let file = folder.path().join("state/spile/registries.json");
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o666)).unwrap();
        assert!(!at(folder.path()).cover(&agreed));
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
        assert!(at(folder.path()).cover(&agreed));
        let text = std::fs::read_to_string(&file).unwrap();
        for other in [text.replace("\"version\": 1", "\"version\": 2"), text.replace("\"what\"", "\"whatever\"")] {
            replace_private(&file, other.as_bytes()).unwrap();
            assert!(!at(folder.path()).cover(&agreed), "{other}");
            at(folder.path()).remember(&agreed).unwrap_err();
            assert_eq!(std::fs::read_to_string(&file).unwrap(), other, "it is not overwritten");
        }
    }

    #[test]
    fn without_a_file_an_agreement_lasts_until_the_program_ends() {
        let agreements = Agreements::default();
        let agreed = agreement("https://x.example", "SUPABASE_KEY");
        agreements.remember(&agreed).unwrap_err();
        assert!(agreements.cover(&agreed) && !Agreements::default().cover(&agreed));
    }

    #[test]
    fn hosts_can_be_trusted_on_the_command_line_and_in_the_environment() {
        let mut problems = Problems::default();
        let option = ["https://x.example".parse().unwrap()];
        let agreements = Agreements::default().trusting(&option, Some("y.example, h/x z.example:8443"), &mut problems);
        for host in ["https://x.example", "https://y.example", "https://z.example:8443"] {
            assert!(agreements.cover(&agreement(host, "SUPABASE_KEY")), "{host}");
        }
        assert!(!agreements.cover(&agreement("https://z.example", "SUPABASE_KEY")));
        let report = problems.into_report();
        let found: Vec<String> = report.problems().iter().map(|problem| format!("{problem:?}")).collect();
        assert_eq!(found, ["SPILE_TRUST_REGISTRY:1: `h/x` is not a host [spile::user::host]"]);
    }
}
