//! The certificate authorities for the servers that spile itself talks to, according to the user's environment.
//!
//! All HTTP clients are created here. The libraries below read proxies and `SSL_CERT_FILE`. Everything comes from the
//! environment that spile was started with, never from a project's `.env`.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Variables that add certificates to the system's, as used by Python programs and curl. `SSL_CERT_FILE` and
/// `SSL_CERT_DIR` replace the system's, as in OpenSSL.
const VARIABLES: [&str; 2] = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];

/// Certificate files that are trusted in addition to the system's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authorities(Vec<(&'static str, PathBuf)>);

/// Why no client can be created.
#[derive(Debug, thiserror::Error)]
pub enum NoClient {
    /// A certificate file cannot be read.
    #[error("`{variable}` is set to `{}`, which cannot be read", path.display())]
    Unreadable {
        /// The variable.
        variable: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A certificate file contains no certificate.
    #[error("`{variable}` is set to `{}`, which contains no certificate", path.display())]
    NoCertificate {
        /// The variable.
        variable: &'static str,
        /// The file or folder.
        path: PathBuf,
    },
    /// The system has no certificates, or they cannot be used.
    #[error("the certificates cannot be used")]
    Tls(#[source] reqwest::Error),
}

impl Authorities {
    /// Returns the files that the user's environment names.
    #[must_use]
    pub fn of(variables: impl Fn(&str) -> Option<OsString>) -> Self {
        let said = |name: &'static str| {
            variables(name).filter(|path| !path.is_empty()).map(|path| (name, PathBuf::from(path)))
        };
        Self(VARIABLES.into_iter().filter_map(said).collect())
    }

    /// Returns the certificates as the PEM text of each file.
    ///
    /// # Errors
    /// When a file cannot be read, or contains no certificate.
    pub fn certificates(&self) -> Result<Vec<Vec<u8>>, NoClient> {
        let mut all = Vec::new();
        for (variable, path) in &self.0 {
            let texts = texts(path);
            let texts = texts.map_err(|source| NoClient::Unreadable { variable, path: path.clone(), source })?;
            if texts.is_empty() {
                return Err(NoClient::NoCertificate { variable, path: path.clone() });
            }
            all.extend(texts);
        }
        Ok(all)
    }

    /// Returns a client builder that trusts these authorities.
    ///
    /// # Errors
    /// As for [`Self::certificates`].
    pub fn client(&self) -> Result<reqwest::ClientBuilder, NoClient> {
        // Fails if an earlier client has already installed it, which is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut certificates = Vec::new();
        for text in self.certificates()? {
            certificates.extend(reqwest::Certificate::from_pem_bundle(&text).map_err(NoClient::tls)?);
        }
        let client = reqwest::Client::builder().user_agent(concat!("spile/", env!("CARGO_PKG_VERSION")));
        Ok(client.tls_certs_merge(certificates))
    }
}

impl NoClient {
    /// Wraps the library's error without the address that it may contain.
    #[must_use]
    pub fn tls(error: reqwest::Error) -> Self {
        Self::Tls(error.without_url())
    }
}

/// Reads a certificate file, or all files in a folder that contain a certificate.
fn texts(path: &Path) -> io::Result<Vec<Vec<u8>>> {
    let has_one = |text: &Vec<u8>| text.windows(MARK.len()).any(|part| part == MARK);
    if !path.is_dir() {
        return Ok(Some(fs::read(path)?).filter(has_one).into_iter().collect());
    }
    let mut all = Vec::new();
    for file in fs::read_dir(path)? {
        let file = file?.path();
        if file.is_file() {
            all.extend(Some(fs::read(file)?).filter(has_one));
        }
    }
    Ok(all)
}

/// How a certificate begins.
const MARK: &[u8] = b"-----BEGIN CERTIFICATE-----";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
    fn certificate_files_in_variables_are_read_or_reported() {
        let folder = tempfile::tempdir().unwrap();
        let of = |path: &Path| {
            let path = path.to_owned();
            Authorities::of(move |name| (name == "CURL_CA_BUNDLE").then(|| path.clone().into()))
        };
        let file = folder.path().join("ca.pem");
        let missing = of(&file).client().unwrap_err().to_string();
        assert_eq!(missing, format!("`CURL_CA_BUNDLE` is set to `{}`, which cannot be read", file.display()));
        fs::write(&file, "no certificate").unwrap();
        assert!(of(&file).client().unwrap_err().to_string().ends_with("which contains no certificate"));
        fs::write(folder.path().join("other.pem"), "-----BEGIN CERTIFICATE-----\n").unwrap();
        assert_eq!(of(folder.path()).certificates().unwrap().len(), 1, "a folder is read file by file");
        assert_eq!(Authorities::of(|_| Some(OsString::new())), Authorities::default());
    }
}
