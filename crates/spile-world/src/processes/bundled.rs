//! Writes the plugins that are part of the program to the path that `pip_url` names.

use std::io;
use std::path::Path;

use crate::files::own_folder::Own;
use spile_core::connector::bundled::Bundled;

/// The folder of wheels, in spile's own folder.
const FOLDER: &str = "plugins";

/// Writes a wheel into spile's own folder. A file of that name with other content is replaced and never installed.
///
/// # Errors
/// When the folder does not belong to this user, a link is in the way, or it cannot be written to.
pub fn lay(own: &Own, bundled: Bundled) -> io::Result<()> {
    let folder = own.make()?;
    let (file, wheel) = (Path::new(FOLDER).join(bundled.file_name()), bundled.wheel());
    if folder.read(&file)?.is_some_and(|found| found == wheel) {
        return Ok(());
    }
    folder.replace(&file, &wheel)
}

#[cfg(test)]
mod tests {
    use super::*;
    use spile_core::connector::bundled::{ALL, FOLDER as NAMED};

    #[test]
    fn the_wheel_is_written_to_its_path_and_replaces_a_planted_file() {
        let root = tempfile::tempdir().unwrap();
        let own = Own::at(&root.path().join(".spile"));
        let path = root.path().join(NAMED).join(ALL[0].file_name());
        lay(&own, ALL[0]).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), ALL[0].wheel());
        crate::files::door::replace(&path, b"planted").unwrap();
        lay(&own, ALL[0]).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), ALL[0].wheel());
    }

    #[test]
    fn no_link_is_followed() {
        let (root, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let own = Own::at(&root.path().join(".spile"));
        own.make().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), root.path().join(NAMED)).unwrap();
        assert!(lay(&own, ALL[0]).is_err());
        std::fs::remove_file(root.path().join(NAMED)).unwrap();
        std::fs::create_dir(root.path().join(NAMED)).unwrap();
        let theirs = elsewhere.path().join("theirs");
        std::os::unix::fs::symlink(&theirs, root.path().join(NAMED).join(ALL[0].file_name())).unwrap();
        assert!(lay(&own, ALL[0]).is_err());
        assert!(!theirs.exists());
    }
}
