//! The files of a project's folder: which there are, and what is in them.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::{Mistake, Project, SETTINGS};
use crate::problem::Problems;
use crate::source::Source;

/// How many bytes a file of a project may have: a thousand times what the largest has, and read at once.
const MOST_BYTES: u64 = 8 << 20;

impl Project {
    /// Returns a mark of the files that the project is read from: another one when a file came, went or was written.
    #[must_use]
    pub fn mark(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for top in [SETTINGS, "integrations", "connectors", "templates"] {
            let walk = WalkDir::new(self.root.join(top)).follow_links(true).sort_by_file_name();
            for item in walk.into_iter().flatten() {
                let written = item.metadata().map(|metadata| (metadata.len(), metadata.modified().ok()));
                (item.path(), written.ok()).hash(&mut hasher);
            }
        }
        hasher.finish()
    }

    /// Returns the files below a folder, relative to the project and sorted; hidden ones are not looked at.
    pub(super) fn files(&self, folder: &str, problems: &mut Problems) -> Vec<PathBuf> {
        let top = self.root.join(folder);
        if !top.exists() {
            return self.unwritten(folder).cloned().collect();
        }
        let hidden = |name: &OsStr| name.as_encoded_bytes().starts_with(b".");
        let real_top = top.canonicalize().unwrap_or_else(|_| top.clone());
        // walkdir knows a loop when it meets a folder twice; by then its files have been met twice too.
        let leads_up = |path: &Path| path.canonicalize().is_ok_and(|target| real_top.starts_with(target));
        let walk = WalkDir::new(&top).follow_links(true).min_depth(1);
        let mut found = Vec::new();
        let loops = RefCell::new(Vec::new());
        let walk = walk.into_iter().filter_entry(|item| {
            let leads_up = item.path_is_symlink() && leads_up(item.path());
            loops.borrow_mut().extend(leads_up.then(|| item.path().to_owned()));
            !hidden(item.file_name()) && !leads_up
        });
        for item in walk {
            match item {
                Ok(item) if item.file_type().is_file() => found.push(self.relative(item.path())),
                Ok(_) => {}
                Err(error) => {
                    let path = error.path().unwrap_or(&top).to_owned();
                    if error.loop_ancestor().is_some() {
                        loops.borrow_mut().push(path);
                    } else {
                        let message = error.io_error().map(ToString::to_string).unwrap_or_default();
                        let finding = Mistake::Unreadable { message, span: (0..0).into() };
                        problems.push(&Source::new(self.relative(&path), ""), finding);
                    }
                }
            }
        }
        found.retain(|path| self.unwritten.get(path).is_none_or(Option::is_some));
        let more: Vec<PathBuf> = self.unwritten(folder).filter(|path| !found.contains(path)).cloned().collect();
        found.extend(more);
        // As paths are compared, part by part, and faster than they are: no name has a zero in it.
        let parts = |path: &PathBuf| -> Vec<u8> {
            let bytes = path.as_os_str().as_encoded_bytes().iter();
            bytes.map(|byte| if *byte == b'/' { 0 } else { *byte }).collect()
        };
        found.sort_by_cached_key(parts);
        for path in loops.into_inner() {
            problems.push(&Source::new(self.relative(&path), ""), Mistake::LinkLoop { span: (0..0).into() });
        }
        found
    }

    fn relative(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root).unwrap_or(path).to_owned()
    }

    pub(super) fn source(&self, path: &Path, problems: &mut Problems) -> Option<Source> {
        if let Some(Some(text)) = self.unwritten.get(path) {
            return Some(Source::new(path, text.as_str()));
        }
        let span = || (0..0).into();
        let finding = match read(&self.root.join(path)).map(|bytes| bytes.map(String::from_utf8)) {
            Ok(Some(Ok(text))) => return Some(Source::new(path, text)),
            Ok(Some(Err(_))) => Mistake::NotUtf8 { span: span() },
            Ok(None) => Mistake::TooLarge { mebibytes: MOST_BYTES >> 20, span: span() },
            Err(error) => Mistake::Unreadable { message: error.to_string(), span: span() },
        };
        problems.push(&Source::new(path, ""), finding);
        None
    }

    /// Reads files on all cores, and keeps their order; `name` says what each is, or what is wrong with its name.
    pub(super) fn sources<T: Send>(
        &self,
        paths: Vec<PathBuf>,
        name: impl Fn(&Path, &Source, &mut Problems) -> Option<T> + Sync + Send,
        problems: &mut Problems,
    ) -> Vec<(T, Source)> {
        problems.of_each(paths, |path, problems| {
            let source = self.source(&path, problems)?;
            name(&path, &source, problems).map(|name| (name, source))
        })
    }

    /// Returns the files below a folder that are to be there, and are read from here.
    fn unwritten(&self, folder: &str) -> impl Iterator<Item = &PathBuf> {
        self.unwritten
            .iter()
            .filter(move |(path, text)| path.starts_with(folder) && text.is_some())
            .map(|(path, _)| path)
    }
}

/// Reads a file, unless it is too large.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    let mut bytes = Vec::with_capacity(usize::try_from(length.min(MOST_BYTES)).unwrap_or(0) + 1);
    file.by_ref().take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= MOST_BYTES).then_some(bytes))
}
