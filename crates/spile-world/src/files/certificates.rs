//! Certificates of taps: one private file for each connector and version of its plugin, on this machine.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use crate::files::own_folder::Own;
use spile_core::digest;
use spile_core::run::certify::{Certificate, CertifiedPlugin};

/// Their folder, in spile's own.
const FOLDER: &str = "certified";

/// The folder of certificates.
#[derive(Debug, Clone)]
pub struct Certificates(Own);

impl Certificates {
    /// Names the folder in a project's own folder. Nothing is read or created.
    #[must_use]
    pub fn of(own_folder: &Path) -> Self {
        Self(Own::at(own_folder))
    }

    /// Returns the last certificate of a connector with this plugin.
    ///
    /// # Errors
    /// When it exists but cannot be read.
    pub fn find(&self, connector: &str, plugin: &CertifiedPlugin) -> io::Result<Option<Certificate>> {
        // If the folder does not belong to this user, somebody else may have written the grade.
        let Ok(Some(own)) = self.0.open() else { return Ok(None) };
        let Some(bytes) = own.read(file(connector, plugin))? else { return Ok(None) };
        // A file in another format is ignored, and replaced by the next certificate.
        let kept = serde_json::from_slice::<Certificate>(&bytes).ok();
        Ok(kept.filter(|kept| kept.connector == connector && kept.plugin == *plugin))
    }

    /// Returns the names of all connectors that have a certificate, whatever their plugin.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn connectors(&self) -> io::Result<BTreeSet<String>> {
        let Ok(Some(own)) = self.0.open() else { return Ok(BTreeSet::new()) };
        let mut found = BTreeSet::new();
        for name in own.list(FOLDER)? {
            let bytes = own.read(Path::new(FOLDER).join(name))?;
            let kept = bytes.and_then(|bytes| serde_json::from_slice::<Certificate>(&bytes).ok());
            found.extend(kept.map(|kept| kept.connector));
        }
        Ok(found)
    }

    /// Stores a certificate in place of the last one of the same connector and plugin.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(&self, certificate: &Certificate) -> io::Result<()> {
        let bytes = serde_json::to_vec(certificate).map_err(io::Error::from)?;
        self.0.make()?.replace(file(&certificate.connector, &certificate.plugin), &bytes)
    }
}

/// Returns the name of a file. A hash, because a `pip_url` may be a path or an address.
fn file(connector: &str, plugin: &CertifiedPlugin) -> String {
    let version = format!("{connector}\n{}\n{}", plugin.name, plugin.pip_url);
    format!("{FOLDER}/{}.json", &digest::hash(version.as_bytes())[..32])
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use spile_core::run::certify::{Discoveries, Measured, Subject};

    #[test]
    fn a_certificate_is_found_only_for_its_connector_and_version() {
        let folder = tempfile::tempdir().unwrap();
        let certificates = Certificates::of(&folder.path().join(".spile"));
        let plugin = |version: &str| CertifiedPlugin { name: "tap-a".to_owned(), pip_url: format!("tap-a=={version}") };
        let subject = Subject {
            connector: "a".to_owned(),
            plugin: plugin("1.0"),
            integration: "shop".parse().unwrap(),
            environment: "dev".parse().unwrap(),
            certified_at: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(certificates.find("a", &plugin("1.0")).unwrap(), None);
        let certificate = Certificate::of(subject, &Measured::default(), &Discoveries::Equal);
        certificates.keep(&certificate).unwrap();
        assert_eq!(certificates.find("a", &plugin("1.0")).unwrap(), Some(certificate));
        assert_eq!(certificates.find("a", &plugin("2.0")).unwrap(), None);
        assert_eq!(certificates.find("b", &plugin("1.0")).unwrap(), None);
        assert_eq!(certificates.connectors().unwrap(), BTreeSet::from(["a".to_owned()]));
    }
}
