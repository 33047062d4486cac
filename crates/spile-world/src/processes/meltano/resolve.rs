//! Resolves a `pip_url` to the versions and hashes of all packages that it installs, with uv.
//!
//! Only uv, because its locks are for all platforms at once. pip's report is for the machine that it runs on.

use std::path::{Path, PathBuf};

use jiff::civil::Date;
use tokio::sync::watch;

use super::locks::SCRATCH;
use super::{Host, InstallError, Meltano};
use crate::files::own_folder::OwnFolder;
use crate::files::process_lock;
use crate::processes::bundled;
use spile_core::connector::bundled::Bundled;
use spile_core::locks::{Lock, PipRequest, YankedPackage, one_line};

/// The file of what should be resolved.
const ASKED: &str = "asked.in";

/// The file that uv writes, and whose versions it keeps where it can.
const RESOLVED: &str = "resolved.txt";

/// The folder of an environment that contains only uv, for machines without it.
const UV: &str = "uv";

/// Something to lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToResolve<'a> {
    /// The plugin, as errors name it.
    pub what: &'a str,
    /// What it installs.
    pub pip_url: &'a str,
    /// The Python to install it with, if not Meltano's.
    pub interpreter: Option<&'a str>,
    /// The oldest Python version to lock for, if not that of the interpreter.
    pub python: Option<&'a str>,
    /// The lock whose versions are kept where possible; `None` to take the newest.
    pub keep: Option<&'a Lock>,
    /// The day on which it is resolved.
    pub today: Date,
    /// The version of spile.
    pub spile: &'a str,
}

impl Meltano {
    /// Resolves a `pip_url`. Nothing is installed but uv, if the machine does not have it.
    ///
    /// # Errors
    /// When it cannot be locked, there is no solution, no network or no Python, or the user interrupts.
    pub async fn resolve(
        &self,
        asked: &ToResolve<'_>,
        host: &Host,
        interrupt: &mut watch::Receiver<bool>,
    ) -> Result<Lock, InstallError> {
        let request = PipRequest::read(asked.pip_url).map_err(|why| InstallError::unlockable(asked.what, &why))?;
        let python = self.python_to_lock_for(asked, host)?;
        let _lock = self.lock(process_lock::Lock::Plugins, interrupt).await?;
        if let Some(wheel) = Bundled::of(asked.pip_url) {
            bundled::lay(&self.own, wheel).map_err(InstallError::io("write", self.own.path()))?;
        }
        let own = self.own.make().map_err(InstallError::io("use", self.own.path()))?;
        let uv = self.uv(&own, host, interrupt).await?;
        let kept = asked.keep.map(Lock::requirements).unwrap_or_default();
        for (name, text) in [(ASKED, self.requirements(&request)), (RESOLVED, kept)] {
            let file = Path::new(SCRATCH).join(name);
            own.replace(&file, text.as_bytes()).map_err(InstallError::io("write", &own.path().join(&file)))?;
        }
        let scratch = own.path().join(SCRATCH);
        let venv = self.environment(&scratch, asked.what, host);
        let mut command = venv.installer(&uv);
        command.args([
            "pip",
            "compile",
            "--no-progress",
            "--universal",
            "--generate-hashes",
            "--no-header",
            "--no-annotate",
        ]);
        command.args(["--python-version", &python]).args(&request.options);
        command.arg("--output-file").arg(scratch.join(RESOLVED)).arg(scratch.join(ASKED));
        let mut yanked = Vec::new();
        let mut line = |text: &str| yanked.extend(YankedPackage::in_warning(text));
        venv.carry_out_and_hear(command, interrupt, &mut line).await?;
        let output = own.text(Path::new(SCRATCH).join(RESOLVED)).unwrap_or_default();
        let packages = Lock::resolved(&output).map_err(|line| InstallError::Unlockable {
            what: asked.what.to_owned(),
            reason: format!("uv resolved it to `{line}`, which has no hash"),
        })?;
        Ok(Lock {
            pip_url: one_line(asked.pip_url),
            python,
            resolved: Some(asked.today),
            spile: asked.spile.to_owned(),
            yanked,
            packages,
        })
    }

    /// Returns the version of Python to lock for, like `3.11`.
    fn python_to_lock_for(&self, asked: &ToResolve<'_>, host: &Host) -> Result<String, InstallError> {
        if let Some(python) = asked.python {
            return Ok(python.to_owned());
        }
        let version = match asked.interpreter {
            Some(name) => host.named_python(name).map(|python| python.version).ok_or_else(|| {
                let (what, python) = (asked.what.to_owned(), name.to_owned());
                InstallError::NoInterpreter { what, python, line: "its version is not known".to_owned() }
            })?,
            None => match self.python_version(host) {
                Some(version) => version,
                None => host.python()?.version,
            },
        };
        Ok(version.split('.').take(2).collect::<Vec<_>>().join("."))
    }

    /// Returns the text of a requirements file. Paths in it are absolute, because the file is not in the project's folder.
    fn requirements(&self, request: &PipRequest) -> String {
        let direct = request.direct.iter().map(|words| {
            let is_path = |word: &str| word != "-e" && !word.contains("://") && !word.contains(" @ ");
            let absolute = |word: &String| {
                if is_path(word) { self.root.join(word).display().to_string() } else { word.clone() }
            };
            words.iter().map(absolute).collect::<Vec<_>>().join(" ")
        });
        let lines: Vec<String> = request.requirements.iter().cloned().chain(direct).collect();
        lines.join("\n") + "\n"
    }

    /// Returns a uv: that of the machine, Meltano's, or one that is installed for this.
    async fn uv(
        &self,
        own: &OwnFolder,
        host: &Host,
        interrupt: &mut watch::Receiver<bool>,
    ) -> Result<PathBuf, InstallError> {
        let folder = own.path().join(UV);
        let venv = self.environment(&folder, "uv", host);
        let known = [host.find("uv"), Some(self.venv.join("bin/uv")), Some(venv.program("uv"))];
        if let Some(uv) = known.into_iter().flatten().find(|path| path.exists()) {
            return Ok(uv);
        }
        venv.make(&["uv".to_owned()], interrupt).await?;
        Ok(venv.program("uv"))
    }
}
