//! Outputs: files next to `meltano.yml`. They are read and replaced as a whole, and never written if spile did not
//! render them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::TargetError;
use crate::files::door::Shut;
use crate::files::door::sweep_temporary;
use crate::files::io_error::IoError;
use crate::files::meltano_file::MOST_BYTES;
use crate::files::own_folder::Own;
use crate::files::process_lock::{Lock, RunLock};
use crate::files::project::Project;
use spile_core::plan::OutputStep;
use spile_core::render::output::is_rendered;

/// The outputs of a project.
#[derive(Debug, Clone)]
pub struct OutputFiles {
    project: Project,
    own: Own,
    paths: Vec<PathBuf>,
}

impl OutputFiles {
    /// Names the files, relative to the project. Nothing is read.
    #[must_use]
    pub fn new(project: &Project, paths: Vec<PathBuf>) -> Self {
        Self { project: project.clone(), own: project.own(), paths }
    }

    /// Reads all outputs. A missing file counts as empty.
    ///
    /// # Errors
    /// When a file cannot be read, or was not rendered by spile.
    pub fn read(&self) -> Result<BTreeMap<PathBuf, String>, TargetError> {
        self.paths.iter().map(|path| Ok((path.clone(), self.text(path)?))).collect()
    }

    /// Refuses a step whose file has changed since it was read.
    ///
    /// # Errors
    /// When the file has changed, or cannot be read.
    pub fn check(&self, step: &OutputStep) -> Result<(), TargetError> {
        let is_same = self.text(&step.path)? == step.before;
        if is_same { Ok(()) } else { Err(TargetError::StaleOutput { path: step.path.clone() }) }
    }

    /// Replaces a file as a whole, and creates its parent folders.
    ///
    /// # Errors
    /// When the file has changed since it was read, or cannot be written.
    pub fn write(&self, step: &OutputStep) -> Result<(), TargetError> {
        let io = |doing| IoError::of(doing, &step.path);
        let shut = |why| TargetError::of_file("write", &step.path, why);
        let door = self.project.door().map_err(shut)?;
        let path = door.place(&step.path).map_err(shut)?;
        let folder = path.parent().unwrap_or(self.project.root());
        // The later of two writers sees what the earlier one has written.
        let _lock = RunLock::hold(&self.own, Lock::Project).map_err(io("lock"))?;
        std::fs::create_dir_all(folder).map_err(io("create the folder of"))?;
        self.check(step)?;
        sweep_temporary(folder).map_err(io("write"))?;
        door.replace(&step.path, step.after.as_bytes()).map_err(shut)
    }

    fn text(&self, path: &Path) -> Result<String, TargetError> {
        let foreign = || TargetError::ForeignOutput { path: path.to_owned() };
        let text = match self.project.door().and_then(|door| door.read_up_to(path, MOST_BYTES)) {
            Ok(bytes) => String::from_utf8(bytes).map_err(|_| foreign())?,
            Err(Shut::Missing) => String::new(),
            Err(why) => return Err(TargetError::of_file("read", path, why)),
        };
        if text.is_empty() || is_rendered(&text) { Ok(text) } else { Err(foreign()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::door::replace;
    use spile_core::render::MARKER;

    fn outputs() -> (tempfile::TempDir, OutputFiles) {
        let folder = tempfile::tempdir().unwrap();
        let files = OutputFiles::new(&Project::at(folder.path()), vec!["a/b.py".into()]);
        (folder, files)
    }

    fn step(before: &str, after: &str) -> OutputStep {
        OutputStep { path: "a/b.py".into(), before: before.to_owned(), after: format!("{MARKER}\n{after}\n") }
    }

    #[test]
    fn a_file_is_created_and_then_only_replaced_if_it_is_as_it_was_read() {
        let (folder, files) = outputs();
        assert_eq!(files.read().unwrap(), BTreeMap::from([("a/b.py".into(), String::new())]));
        let first = step("", "one");
        files.write(&first).unwrap();
        assert!(matches!(files.write(&step("", "two")), Err(TargetError::StaleOutput { .. })));
        files.write(&step(&first.after, "two")).unwrap();
        assert!(files.read().unwrap()[Path::new("a/b.py")].ends_with("two\n"));
        assert_eq!(folder.path().join("a").read_dir().unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_spile_did_not_render_is_not_touched() {
        let (folder, files) = outputs();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        for foreign in [&b"import os\n"[..], b"\xff"] {
            replace(&folder.path().join("a/b.py"), foreign).unwrap();
            assert!(matches!(files.read(), Err(TargetError::ForeignOutput { .. })));
            assert!(matches!(files.write(&step("", "x")), Err(TargetError::ForeignOutput { .. })));
            assert_eq!(std::fs::read(folder.path().join("a/b.py")).unwrap(), foreign);
        }
    }
}
