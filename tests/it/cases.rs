//! Folder cases: `tests/cases/<what-it-shows>/`.
//!
//! - `before/`: the project as it was applied earlier; optional.
//! - `project/`: the project as it is now; a `meltano.yml` in it was edited by hand.
//! - `environment`: the name of the environment to plan for instead of the default one; optional.
//! - either `plan.txt` and `after/meltano.yml`, or `report.txt`.
//!
//! `tests/shared/` is laid under every project: a tap and two targets with few settings.
//! `SPILE_BLESS=1 cargo test cases` rewrites the expected files.

use std::fs;
use std::path::{Path, PathBuf};

use spile_ops::Error;
use spile_view as view;
use spile_view::plan_data::PlanData;
use spile_world::TargetError;

use crate::folder::{Folder, Opened};

/// The secret in the cases, which no output may contain.
const CANARY: &str = "hunter2";

struct Case {
    path: PathBuf,
    environment: Option<String>,
}

impl Case {
    fn name(&self) -> String {
        self.path.file_name().unwrap().to_string_lossy().into_owned()
    }

    fn folder(&self, state: &str) -> Option<PathBuf> {
        Some(self.path.join(state)).filter(|path| path.is_dir())
    }

    /// Compares with the expected file, or rewrites it.
    fn expect(&self, file: &str, found: &str) -> Result<(), String> {
        let path = self.path.join(file);
        if std::env::var_os("SPILE_BLESS").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, found).unwrap();
        }
        let expected = fs::read_to_string(&path).map_err(|error| format!("{file}: {error}"))?;
        let differs = || similar::TextDiff::from_lines(expected.as_str(), found).unified_diff().to_string();
        if expected == found { Ok(()) } else { Err(format!("{file} is not what is expected:\n{}", differs())) }
    }

    fn lay(folder: &Folder, state: &Path) {
        folder.clear_sources();
        fs::create_dir_all(folder.join("connectors")).unwrap();
        folder.lay(&shared());
        folder.lay(state);
    }

    async fn run(&self) -> Result<(), String> {
        let folder = Folder::new();
        if let Some(before) = self.folder("before") {
            Self::lay(&folder, &before);
            let opened = Opened::at(&folder, self.environment.as_deref()).map_err(|error| shown(&error))?;
            let plan = opened.plan().await.map_err(|error| shown(&error))?;
            opened.apply(&plan).await.map_err(|error| shown(&error))?;
        }
        Self::lay(&folder, &self.folder("project").ok_or("there is no `project/`")?);
        match self.goes_well(&folder).await {
            Ok(()) => Ok(()),
            Err(Outcome::Differs(message)) => Err(message),
            Err(Outcome::Refused(error)) => self.refused(&folder, &error).await,
        }
    }

    async fn goes_well(&self, folder: &Folder) -> Result<(), Outcome> {
        let opened = Opened::at(folder, self.environment.as_deref())?;
        let plan = opened.plan().await?;
        if self.path.join("report.txt").exists() {
            return Err(Outcome::Differs("a plan is made, where `report.txt` says what is wrong".to_owned()));
        }
        let data = PlanData::of(&plan, opened.loaded.settings.guard, Vec::new());
        let text = anstream::adapter::strip_str(&view::plan::text(&data, jiff::Timestamp::now())).to_string();
        // The id is a hash of everything; another test checks it.
        let text: String = text.split_inclusive('\n').filter(|line| !line.starts_with("Plan id: ")).collect();
        self.expect("plan.txt", &text)?;
        opened.apply(&plan).await.map_err(|error| format!("apply fails: {}", shown(&error)))?;
        self.expect("after/meltano.yml", &folder.read("meltano.yml"))?;
        for output in &opened.loaded.settings.outputs {
            let path = output.path.display().to_string();
            self.expect(&format!("after/{path}"), &folder.read(&path))?;
        }
        let again = Opened::at(folder, self.environment.as_deref())?.plan().await?;
        if !again.is_empty() {
            return Err(Outcome::Differs(format!("the next plan is not empty: {again:#?}")));
        }
        let before = folder.files();
        match opened.apply(&plan).await {
            Err(Error::Target(TargetError::Stale { .. } | TargetError::StaleOutput { .. })) if !plan.is_empty() => {}
            Ok(()) if plan.is_empty() => {}
            other => return Err(Outcome::Differs(format!("the old plan, applied again, gives {other:?}"))),
        }
        if folder.files() != before {
            return Err(Outcome::Differs("the old plan, applied again, has written something".to_owned()));
        }
        Ok(())
    }

    async fn refused(&self, folder: &Folder, error: &Error) -> Result<(), String> {
        let text = shown(error);
        if text.contains(CANARY) {
            let lines: Vec<&str> = text.lines().filter(|line| line.contains(CANARY)).collect();
            return Err(format!("the report shows the secret:\n{}", lines.join("\n")));
        }
        self.expect("report.txt", &text)?;
        let before = folder.files();
        if let Ok(opened) = Opened::at(folder, self.environment.as_deref())
            && opened.plan().await.is_ok()
        {
            return Err("a plan is refused once and made the second time".to_owned());
        }
        if folder.files() == before { Ok(()) } else { Err("a refused project was written to".to_owned()) }
    }
}

/// Why a case stopped.
enum Outcome {
    /// The operations refused, which the case may expect.
    Refused(Error),
    /// The result differs from the expected one.
    Differs(String),
}

impl From<Error> for Outcome {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<String> for Outcome {
    fn from(message: String) -> Self {
        Self::Differs(message)
    }
}

fn shown(error: &Error) -> String {
    let text = anstream::adapter::strip_str(&view::report::error(error)).to_string();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n") + "\n"
}

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn shared() -> PathBuf {
    top().join("shared")
}

fn cases() -> Vec<Case> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(top().join("cases")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let environment =
        |path: &Path| fs::read_to_string(path.join("environment")).ok().map(|name| name.trim().to_owned());
    paths.into_iter().map(|path| Case { environment: environment(&path), path }).collect()
}

#[tokio::test]
async fn every_case_matches_its_folder() {
    let cases = cases();
    assert!(cases.len() > 20, "only {} cases were found", cases.len());
    let mut failures = Vec::new();
    for case in cases {
        if let Err(message) = case.run().await {
            failures.push(format!("== {}\n{message}", case.name()));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
