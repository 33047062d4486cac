//! Bundled plugins and add-ons: Python packages, each built into a wheel that pip and uv install from a file, and that
//! Python imports directly.
//!
//! Wheels, because a folder with a build script would download a build tool to install. A wheel is also a single file
//! with known bytes, so that nothing that a repository puts beside it can run.

mod zip;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::digest;

/// Where wheels are written, relative to the project. `pip_url` contains this path, so it is the same for everyone.
pub const FOLDER: &str = ".spile/plugins";

/// A bundled Python package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bundled {
    /// The name of the package as Python imports it.
    package: &'static str,
    /// Its version. Every change to the files changes it, so that Meltano and people can tell which version is
    /// installed.
    version: &'static str,
    /// How others find it: a group of entry points, its name in the group, and the object that it refers to.
    entry: EntryPoint,
    /// Its requirements, as in `Requires-Dist`.
    requires: &'static [&'static str],
    /// Its modules: name and text.
    modules: &'static [(&'static str, &'static str)],
}

/// An entry point, as in `entry_points.txt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct EntryPoint {
    /// The group: `console_scripts` for a command.
    group: &'static str,
    name: &'static str,
    object: &'static str,
}

/// The DuckDB loader. It pins DuckDB, because newer versions may read and write differently. The newest version has no
/// package for Python 3.10.
const TARGET_DUCKDB: Bundled = Bundled {
    package: "spile_target_duckdb",
    version: "1.1.0",
    entry: EntryPoint { group: "console_scripts", name: "target-duckdb", object: "spile_target_duckdb.target:main" },
    requires: &["duckdb==2.0.1; python_version >= \"3.11\"", "duckdb==1.5.6; python_version < \"3.11\""],
    modules: &[
        ("__init__.py", include_str!("bundled/spile_target_duckdb/__init__.py")),
        ("columns.py", include_str!("bundled/spile_target_duckdb/columns.py")),
        ("exact.py", include_str!("bundled/spile_target_duckdb/exact.py")),
        ("stream.py", include_str!("bundled/spile_target_duckdb/stream.py")),
        ("table.py", include_str!("bundled/spile_target_duckdb/table.py")),
        ("target.py", include_str!("bundled/spile_target_duckdb/target.py")),
    ],
};

/// The Meltano add-on that keeps state in a hosted registry. `spile` is the scheme of its address.
pub const STATE_BACKEND: Bundled = Bundled {
    package: "spile_state_backend",
    version: "1.0.0",
    entry: EntryPoint {
        group: "meltano.state_backends",
        name: "spile",
        object: "spile_state_backend:RegistryStateStoreManager",
    },
    requires: &[],
    modules: &[("__init__.py", include_str!("bundled/spile_state_backend/__init__.py"))],
};

/// All bundled plugins.
pub const ALL: [Bundled; 1] = [TARGET_DUCKDB];

impl Bundled {
    /// Returns the package that a `pip_url` installs; `None` if it is not a bundled one.
    #[must_use]
    pub fn of(pip_url: &str) -> Option<Self> {
        ALL.into_iter().find(|bundled| pip_url.split_whitespace().any(|word| word == bundled.pip_url()))
    }

    /// Returns the requirement for pip: a path that begins in the project's folder.
    #[must_use]
    pub fn pip_url(&self) -> String {
        format!("./{FOLDER}/{}", self.file_name())
    }

    /// Returns the file name of the wheel.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}-{}-py3-none-any.whl", self.package, self.version)
    }

    /// Returns the wheel: the same bytes on every machine.
    #[must_use]
    pub fn wheel(&self) -> Vec<u8> {
        let mut files: Vec<(String, String)> =
            self.modules.iter().map(|(name, text)| (format!("{}/{name}", self.package), (*text).to_owned())).collect();
        let info = format!("{}-{}.dist-info", self.package, self.version);
        let wheel = "Wheel-Version: 1.0\nGenerator: spile\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
        let EntryPoint { group, name, object } = self.entry;
        files.push((format!("{info}/METADATA"), self.metadata()));
        files.push((format!("{info}/WHEEL"), wheel.to_owned()));
        files.push((format!("{info}/entry_points.txt"), format!("[{group}]\n{name} = {object}\n")));
        let name = format!("{info}/RECORD");
        let record = format!("{}{name},,\n", files.iter().map(recorded).collect::<String>());
        files.push((name, record));
        zip::stored(&files)
    }

    fn metadata(&self) -> String {
        let requires: String = self.requires.iter().flat_map(|one| ["Requires-Dist: ", one, "\n"]).collect();
        let (name, version) = (self.package.replace('_', "-"), self.version);
        format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Python: >=3.10\n{requires}")
    }
}

/// Returns a file's line in `RECORD`: name, hash and size (the binary distribution format of the Python Packaging Guide).
fn recorded((name, text): &(String, String)) -> String {
    let hash = URL_SAFE_NO_PAD.encode(digest::sha256(text.as_bytes()));
    format!("{name},sha256={hash},{}\n", text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wheel_changes_only_together_with_its_version() {
        let hashes = [ALL[0], STATE_BACKEND].map(|bundled| (bundled.file_name(), digest::hash(&bundled.wheel())));
        let known = [
            ("spile_target_duckdb-1.1.0-py3-none-any.whl", TARGET_DUCKDB_SHA256),
            ("spile_state_backend-1.0.0-py3-none-any.whl", STATE_BACKEND_SHA256),
        ];
        let known = known.map(|(name, hash)| (name.to_owned(), hash.to_owned()));
        assert_eq!(hashes, known, "raise the version, then update its hash here");
    }

    const STATE_BACKEND_SHA256: &str = "92fcf6dd15c04bec98b2558d726c2653fc4757ed9d58893cc9c296438f0545cf";

    const TARGET_DUCKDB_SHA256: &str = "8c2b11566398b45ffa89fa4ac8b15283d8f31b320d71346d745f0138f10bd894";

    #[test]
    fn a_bundled_plugin_is_known_by_its_path() {
        let pip_url = TARGET_DUCKDB.pip_url();
        assert_eq!(Bundled::of(&pip_url), Some(TARGET_DUCKDB));
        assert_eq!(Bundled::of(&format!("{pip_url} duckdb==1.5.6")), Some(TARGET_DUCKDB));
        assert_eq!(Bundled::of("target-duckdb==0.8.0"), None);
        assert_eq!(Bundled::of("./.spile/plugins/other-1.0.0-py3-none-any.whl"), None);
    }
}
