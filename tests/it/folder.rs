//! A folder for one test, with a project in it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use spile_core::plan::Plan;
use spile_core::plan::guard::Allowance;
use spile_core::secret::Secret;
use spile_core::sops::{self, DataKey, Document, Wrapped};
use spile_ops::{self as ops, Error, Loaded};
use spile_world::files::door::make_private;
use spile_world::{Origin, Outside, Project, World};
use walkdir::WalkDir;

/// A folder that is deleted when the test ends.
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// Makes an empty folder.
    pub fn new() -> Self {
        let private = fs::Permissions::from_mode(0o700);
        Self(tempfile::Builder::new().prefix("spile-test-").permissions(private).tempdir().unwrap())
    }

    /// Makes a project with one local file and one loader.
    pub fn project() -> Self {
        let folder = Self::new();
        folder.write("spile.toml", "[project]\nname = \"acme\"\n\n[environments.dev]\n[environments.prod]\n");
        folder.write("integrations/lake.toml", "type = \"jsonl\"\nkind = \"loader\"\n");
        folder.integration("fruit", "data");
        folder
    }

    /// Writes an integration that reads a local folder.
    pub fn integration(&self, slug: &str, reads: &str) {
        let text = format!("type = \"singer-jsonl\"\nloader = \"lake\"\n\n[config]\nlocal.folders = [\"{reads}\"]\n");
        self.write(&format!("integrations/{slug}.toml"), &text);
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn join(&self, path: &str) -> PathBuf {
        self.path().join(path)
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.join(path);
        self.make(path.parent().unwrap());
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub fn remove(&self, path: &str) {
        fs::remove_file(self.join(path)).unwrap();
    }

    /// Copies the files of another folder over this one.
    pub fn lay(&self, from: &Path) {
        self.lay_at("", from);
    }

    /// Copies the files of another folder, and those that its links lead to, into a folder of this one.
    pub fn lay_at(&self, at: &str, from: &Path) {
        let files = WalkDir::new(from).follow_links(true).into_iter().map(Result::unwrap);
        for file in files.filter(|file| file.file_type().is_file()) {
            let to = self.join(at).join(file.path().strip_prefix(from).unwrap());
            self.make(to.parent().unwrap());
            fs::copy(file.path(), to).unwrap();
        }
    }

    /// Makes a folder; spile's own folder is private to this user, as spile makes it.
    fn make(&self, folder: &Path) {
        let own = self.join(".spile");
        if folder.starts_with(&own) && !own.exists() {
            make_private(&own).unwrap();
        }
        fs::create_dir_all(folder).unwrap();
    }

    /// Deletes the user's files, and leaves those that spile made.
    pub fn clear_sources(&self) {
        for name in ["integrations", "connectors", "templates"] {
            if self.join(name).exists() {
                fs::remove_dir_all(self.join(name)).unwrap();
            }
        }
    }

    /// Returns every file with its bytes, except SQLite's working files.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let files = WalkDir::new(self.path()).into_iter().map(Result::unwrap).filter(|file| file.file_type().is_file());
        files
            .map(|file| (file.path().strip_prefix(self.path()).unwrap().to_owned(), fs::read(file.path()).unwrap()))
            .collect()
    }
}

/// A checked project, and its world.
pub struct Opened {
    pub loaded: Loaded,
    pub world: World,
    pub about: ops::plan::Options,
}

impl Opened {
    /// Checks the project of a folder and opens its world.
    pub fn at(folder: &Folder, environment: Option<&str>) -> Result<Self, Error> {
        let project = Project::at(folder.path());
        let loaded = ops::check(&project)?;
        let environment = loaded.environment(environment)?;
        let world = World::open(&project, &loaded.settings, &environment, &Outside::nothing())?;
        Ok(Self { loaded, world, about: ops::plan::Options::everything(environment) })
    }

    pub async fn plan(&self) -> Result<Plan, Error> {
        ops::plan(&self.world, &self.loaded, &self.about).await
    }

    /// Applies a plan with all guards lifted.
    pub async fn apply(&self, plan: &Plan) -> Result<(), Error> {
        let summary = plan.summary();
        let allowance =
            Allowance { delete: Some(summary.delete), change: Some(summary.update), ..Allowance::default() };
        let options = ops::apply::Options { allowance, origin: origin(&plan.id()) };
        ops::apply(&self.world, &self.loaded, plan, &options, &mut drop).await
    }
}

/// Returns a file with secrets of these names, for a recipient whose key nobody has: operations without a key need
/// none.
pub fn with_secrets(file: &str, names: &[&str]) -> String {
    let nobody = Wrapped { recipient: "age1nobody".to_owned(), enc: "not a file of age's".to_owned() };
    let (key, mut document) = (DataKey::generate(), Document::profile(&[nobody]));
    for name in names {
        document.set(name, &Secret::new("a value"), &key);
    }
    document.seal(&key, Timestamp::UNIX_EPOCH).unwrap();
    sops::rewrite(file, &document).unwrap()
}

/// Returns the same origin in every run.
pub fn origin(plan: &str) -> Origin {
    Origin {
        plan: plan.to_owned(),
        actor: "a test".to_owned(),
        commit: None,
        at: Timestamp::UNIX_EPOCH,
        rendered: None,
    }
}
