//! What a `pip_url` asks for, as far as it can be locked.

use std::path::Path;

/// Options that name an index, with their value. They go to the resolver and to the installer.
const INDEXES: [&str; 6] = ["-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--no-index"];

/// What a `pip_url` asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PipRequest {
    /// Packages of an index, for example `tap-x==1.0`. The lock has their versions and hashes.
    pub requirements: Vec<String>,
    /// Addresses and paths, as words of a command line. They have no hashes: a commit or the file itself fixes them.
    pub direct: Vec<Vec<String>>,
    /// Options that name an index, as words of a command line.
    pub options: Vec<String>,
}

/// Why a plugin cannot be locked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unlockable {
    /// Its `pip_url` contains a variable.
    #[error("its `pip_url` contains a variable, which only Meltano expands")]
    Variable,
    /// Its `pip_url` contains an option that changes what is installed.
    #[error("its `pip_url` contains the option `{0}`")]
    Option(String),
    /// Its `pip_url` is not a valid command line.
    #[error("the quotes in its `pip_url` do not match")]
    Quotes,
    /// The project does not say what is installed.
    #[error("the project does not contain its `pip_url`, which Meltano takes from the hub")]
    Elsewhere,
    /// Two plugins would have the same lock file.
    #[error("another plugin of the project has this name and a different `pip_url`")]
    Namesake,
}

impl PipRequest {
    /// Reads a `pip_url` as Meltano does: as the words of a command line.
    ///
    /// # Errors
    /// When it cannot be locked.
    pub fn read(pip_url: &str) -> Result<Self, Unlockable> {
        if pip_url.contains('$') {
            return Err(Unlockable::Variable);
        }
        let mut words = shlex::split(pip_url).ok_or(Unlockable::Quotes)?.into_iter().peekable();
        let mut request = Self::default();
        while let Some(word) = words.next() {
            let option = word.split('=').next().unwrap_or_default();
            if word == "-e" || word == "--editable" {
                let path = words.next().ok_or_else(|| Unlockable::Option(word.clone()))?;
                request.direct.push(vec!["-e".to_owned(), path]);
            } else if let Some(path) = word.strip_prefix("--editable=") {
                request.direct.push(vec!["-e".to_owned(), path.to_owned()]);
            } else if INDEXES.contains(&option) {
                let takes_value = option != "--no-index" && !word.contains('=');
                let value = words.next_if(|_| takes_value);
                request.options.extend(std::iter::once(word).chain(value));
            } else if word.starts_with('-') {
                return Err(Unlockable::Option(word));
            } else if words.next_if_eq("@").is_some() {
                let address = words.next().unwrap_or_default();
                request.direct.push(vec![format!("{word} @ {address}")]);
            } else if is_direct(&word) {
                request.direct.push(vec![word]);
            } else {
                request.requirements.push(word);
            }
        }
        Ok(request)
    }
}

/// Tells whether a word is an address or a path rather than a package of an index.
fn is_direct(word: &str) -> bool {
    let word = word.split(';').next().unwrap_or_default();
    let extension = Path::new(word).extension().unwrap_or_default();
    let is_archive = ["whl", "zip", "gz"].iter().any(|archive| extension.eq_ignore_ascii_case(archive));
    word.contains(['/', '@']) || word.starts_with('.') || is_archive
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_addresses_and_indexes_are_told_apart() {
        let request = PipRequest::read(
            "--extra-index-url https://a/simple -i=https://b 'tap-x[s3]==1.0' setuptools<81 y.tar.gz own/z ./.spile/plugins/x.whl -e ./own git+https://h/r.git@abc y @ https://h/y.whl",
        )
        .unwrap();
        assert_eq!(request.requirements, ["tap-x[s3]==1.0", "setuptools<81"]);
        assert_eq!(request.options, ["--extra-index-url", "https://a/simple", "-i=https://b"]);
        let direct: Vec<String> = request.direct.iter().map(|words| words.join(" ")).collect();
        assert_eq!(
            direct,
            [
                "y.tar.gz",
                "own/z",
                "./.spile/plugins/x.whl",
                "-e ./own",
                "git+https://h/r.git@abc",
                "y @ https://h/y.whl"
            ]
        );
    }

    #[test]
    fn what_spile_cannot_see_is_not_locked() {
        assert_eq!(PipRequest::read("git+https://$TOKEN@h/r"), Err(Unlockable::Variable));
        assert_eq!(PipRequest::read("-r a.txt"), Err(Unlockable::Option("-r".to_owned())));
        assert_eq!(PipRequest::read("--no-deps x"), Err(Unlockable::Option("--no-deps".to_owned())));
        assert_eq!(PipRequest::read("'x"), Err(Unlockable::Quotes));
    }
}
