//! The files that match a pattern of Meltano's `include_paths`, found through the door. A link out of the project is
//! refused instead of followed.

use std::path::{Path, PathBuf};

use glob::Pattern;

use spile_world::files::door::{Door, EntryKind, FolderEntry, RefusedPath as NotTaken, Shut};

/// How many names are searched. Without a limit, links to folders of links would never end.
const MOST_NAMES: usize = 200_000;

pub(super) use spile_world::files::door::RefusedPath;

/// A search for files that match a pattern.
struct Search<'a> {
    door: &'a Door,
    found: Vec<PathBuf>,
    looked_at: usize,
}

/// Returns the files that match a pattern, sorted.
///
/// # Errors
/// Returns the path that leads out of the project, or is not a file.
pub(super) fn matching(door: &Door, pattern: &str) -> Result<Vec<PathBuf>, RefusedPath> {
    let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let mut search = Search { door, found: Vec::new(), looked_at: 0 };
    search.below(Path::new(""), &parts)?;
    search.found.sort();
    search.found.dedup();
    Ok(search.found)
}

impl Search<'_> {
    fn below(&mut self, folder: &Path, parts: &[&str]) -> Result<(), NotTaken> {
        let Some((part, rest)) = parts.split_first() else { return Ok(()) };
        match *part {
            "**" => self.everywhere(folder, rest),
            part if part == ".." => Err(NotTaken { path: folder.join(part), why: Shut::Outside }),
            part if Pattern::escape(part) == part => self.next(&folder.join(part), rest),
            part => {
                for FolderEntry { name, .. } in self.entries(folder)? {
                    let is_meant = Pattern::new(part).is_ok_and(|pattern| pattern.matches(&name.to_string_lossy()));
                    if is_meant {
                        self.next(&folder.join(name), rest)?;
                    }
                }
                Ok(())
            }
        }
    }

    /// Follows one path: it is a file if the pattern ends here, or else a folder.
    fn next(&mut self, path: &Path, rest: &[&str]) -> Result<(), NotTaken> {
        if !rest.is_empty() {
            return self.below(path, rest);
        }
        match self.door.open(path) {
            Ok(_) => self.found.push(path.to_owned()),
            Err(Shut::Missing) => {}
            Err(why) => return Err(NotTaken { path: path.to_owned(), why }),
        }
        Ok(())
    }

    /// Searches a folder and everything below it. Like Python, it does not follow links to folders here.
    fn everywhere(&mut self, folder: &Path, rest: &[&str]) -> Result<(), NotTaken> {
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            if rest.is_empty() {
                // Meltano would treat folders as files, and fail.
                return Err(NotTaken { path: folder.join("**"), why: Shut::NotRegular });
            }
            self.below(&folder, rest)?;
            let entries = self.entries(&folder)?;
            folders
                .extend(entries.iter().filter(|one| one.kind == EntryKind::Folder).map(|one| folder.join(&one.name)));
        }
        Ok(())
    }

    /// Returns the entries of a folder, or none if it does not exist.
    fn entries(&mut self, folder: &Path) -> Result<Vec<FolderEntry>, NotTaken> {
        let refused = |why| NotTaken { path: folder.to_owned(), why };
        let entries = match self.door.entries(folder) {
            Err(Shut::Missing | Shut::NotAFolder) => Vec::new(),
            entries => entries.map_err(refused)?,
        };
        self.looked_at += entries.len();
        if self.looked_at > MOST_NAMES {
            return Err(refused(Shut::TooMany { most: MOST_NAMES }));
        }
        // The private folders contain no files of the project.
        Ok(entries.into_iter().filter(|one| !spile_world::files::door::is_private(&one.name)).collect())
    }
}
