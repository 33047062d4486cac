//! An unpacked untrusted repository, beside files that it must not touch. Code lays it out, because git cannot store
//! half of its contents.

use std::collections::BTreeMap;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::folder::Folder;

/// The text of files that no repository may show, change or send.
pub const PRIVATE: &str = "hunter2-of-somebody-else";

/// A hostile repository, and its surroundings.
pub struct Yard(Folder);

impl Yard {
    /// Lays out a valid project, with a file of every kind.
    pub fn new() -> Self {
        let yard = Self(Folder::new());
        for (path, text) in PROJECT {
            yard.0.write(&format!("project/{path}"), text);
        }
        yard.0.write("elsewhere/private.toml", &format!("password = '{PRIVATE}'\n"));
        yard.0.write("elsewhere/private.txt", PRIVATE);
        yard.0.write("home/.config/git/config", "[user]\n\tname = somebody\n");
        yard.0.write("home/.config/sops/age/keys.txt", PRIVATE);
        yard
    }

    /// Returns the project's folder.
    pub fn root(&self) -> PathBuf {
        self.0.join("project")
    }

    /// Returns the home of the user.
    pub fn home(&self) -> PathBuf {
        self.0.join("home")
    }

    /// Returns a file outside the project.
    pub fn elsewhere(&self, name: &str) -> PathBuf {
        self.0.join("elsewhere").join(name)
    }

    /// Deletes what is at a path of the project, and makes its parent folders.
    pub(super) fn clear(&self, path: &str) -> PathBuf {
        let path = self.root().join(path);
        if path.is_dir() && !path.is_symlink() {
            std::fs::remove_dir_all(&path).unwrap();
        } else if path.symlink_metadata().is_ok() {
            std::fs::remove_file(&path).unwrap();
        }
        // Another trick may have put something in the way, which stays.
        let _ = std::fs::create_dir_all(path.parent().unwrap());
        path
    }

    /// Replaces a path with a file.
    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.clear(path);
        if path.parent().unwrap().is_dir() {
            std::fs::write(&path, bytes).unwrap();
        }
    }

    /// Replaces a path with a link.
    pub fn link(&self, path: &str, to: impl AsRef<Path>) {
        let _ = symlink(to, self.clear(path));
    }

    /// Replaces a path with a folder.
    pub fn folder(&self, path: &str) {
        let _ = std::fs::create_dir_all(self.clear(path));
    }

    /// Makes a file executable.
    pub fn executable(&self, path: &str) {
        std::fs::set_permissions(self.root().join(path), PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// Returns the regular files of the project.
    pub fn files(&self) -> Vec<PathBuf> {
        let items = WalkDir::new(self.root()).max_depth(4).sort_by_file_name().into_iter().flatten();
        items.filter(|item| item.file_type().is_file()).map(|item| item.path().to_owned()).collect()
    }

    /// Returns everything beside the project: paths, modes and bytes.
    pub fn surroundings(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let root = self.root();
        let all = WalkDir::new(self.0.path()).into_iter().filter_entry(move |item| item.path() != root);
        let held = |item: walkdir::DirEntry| {
            let kind = item.file_type();
            let bytes = if kind.is_file() { std::fs::read(item.path()).unwrap() } else { Vec::new() };
            assert!(!kind.is_fifo(), "no trick makes a pipe beside the project");
            let mode = item.path().symlink_metadata().unwrap().permissions().mode();
            (item.path().to_owned(), (mode, bytes))
        };
        all.map(|item| held(item.unwrap())).collect()
    }
}

/// A project with a file of every kind.
const PROJECT: [(&str, &str); 7] = [
    (
        "spile.toml",
        "[project]\nname = \"acme\"\n\n[environments.dev]\n[environments.prod]\n\n\
         [[outputs]]\ntemplate = \"airflow\"\npath = \"dags/spile.py\"\n\n\
         [[outputs]]\ntemplate = \"templates/list.j2\"\npath = \"list.txt\"\n\n\
         [[notify]]\nname = \"ops\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:9/hook\"\ntemplate = \"templates/hook.j2\"\n",
    ),
    ("integrations/lake.toml", "type = \"jsonl\"\nkind = \"loader\"\n"),
    (
        "integrations/fruit.toml",
        "type = \"singer-jsonl\"\nloader = \"lake\"\nschedule = \"@daily\"\n\n[config]\nlocal.folders = [\"data\"]\n",
    ),
    ("integrations/fruit.prod.toml", "[config]\nlocal.folders = [\"there\"]\n"),
    (
        "connectors/mine.toml",
        "label = \"Mine\"\n\n[plugin]\nname = \"tap-mine\"\nnamespace = \"tap_mine\"\npip_url = \"tap-mine==1.0\"\n",
    ),
    ("templates/list.j2", "{{ marker|safe }}\n"),
    ("templates/hook.j2", "{\"text\": {{ title | tojson }}}"),
];
