//! The last rendered text with a stamp of its inputs, so that the same text is not rendered twice. This is only a
//! cache: if it is missing, damaged or cannot be written, the text is rendered again.

use std::io;

use crate::files::project::Project;
use spile_core::digest::hash;
use spile_core::render::FILE_NAME;

/// A rendered text from the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The stamp of the inputs.
    pub stamp: String,
    /// The text.
    pub text: String,
}

impl Rendered {
    fn file() -> String {
        format!("rendered/{FILE_NAME}")
    }

    /// Reads the cached text if it is complete and trusted.
    #[must_use]
    pub fn of(project: &Project) -> Option<Self> {
        let mut kept = project.own().open().ok()??.text(Self::file())?;
        let (head, text) = kept.split_once('\n')?;
        let (stamp, digest) = head.strip_prefix("# ")?.split_once(' ')?;
        let (stamp, is_whole, begins) = (stamp.to_owned(), hash(text.as_bytes()) == digest, head.len() + 1);
        kept.drain(..begins);
        is_whole.then_some(Self { stamp, text: kept })
    }

    /// Stores the text.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, project: &Project) -> io::Result<()> {
        let text = format!("# {} {}\n{}", self.stamp, hash(self.text.as_bytes()), self.text);
        project.own().make()?.replace(Self::file(), text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_text_is_read_unless_it_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let project = Project::at(folder.path());
        assert_eq!(Rendered::of(&project), None);
        let kept = Rendered { stamp: "0123".to_owned(), text: "plugins: {}\n".to_owned() };
        kept.keep(&project).unwrap();
        assert_eq!(Rendered::of(&project), Some(kept.clone()));
        assert_eq!(Rendered::of(&project.clone().untrusted()), None, "a stranger's");
        let path = project.own_folder().join(Rendered::file());
        let written = std::fs::read_to_string(&path).unwrap();
        for damaged in ["", "# 0123\n", &written[..written.len() - 1], &written.replace("plugins", "jobs")] {
            crate::files::door::replace(&path, damaged.as_bytes()).unwrap();
            assert_eq!(Rendered::of(&project), None, "{damaged:?}");
        }
    }
}
