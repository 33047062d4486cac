//! Operations: one public function for each thing that users do with a project.
//!
//! An operation reads, lets `spile-core` decide, and writes. The command line and the server call operations, and show the
//! results with `spile-view`. Neither makes decisions of its own.
//!
//! | operation | module | changes |
//! |---|---|---|
//! | read and check files | [`check`](mod@check), [`fmt`], [`schema`], [`explain`] | nothing, or the format of files |
//! | compare and change | [`plan`](mod@plan), [`apply`](mod@apply), [`pull`](mod@pull), [`rollback`], [`history`] | the registry, `meltano.yml`, outputs |
//! | write files | [`new`], [`author`], [`edits`], [`switch`], [`import`], [`init`](mod@init), [`import_rows`], [`connectors`], [`lock`], [`secrets`] | files of the project |
//! | install | [`bake`] | `.spile` and `.meltano` |
//! | run | [`run`], [`up`](mod@up), [`discover`](mod@discover), [`preview`](mod@preview), [`certify`](mod@certify), [`verify`](mod@verify), [`exec`](mod@exec), [`contract`] | the records of runs |
//! | keep schedules | [`schedules`](mod@schedules), [`run_due`](mod@run_due), [`scheduler`], [`notify`] | the records of runs, and what was sent |
//!
//! Of retries: `spile_core::run::cause` says which failures may pass, and `run::job` tries again.
//!
//! ```
//! use spile_core::name::EnvironmentName;
//! use spile_ops::plan::Options;
//! use spile_world::{Outside, Project, World};
//!
//! # let folder = tempfile::tempdir()?;
//! # let root = folder.path();
//! std::fs::write(root.join("spile.toml"), "[project]\nname = 'acme'\n[environments.dev]\n")?;
//! std::fs::create_dir(root.join("integrations"))?;
//! std::fs::write(root.join("integrations/lake.toml"), "type = 'jsonl'\nkind = 'loader'\n")?;
//!
//! let project = Project::at(root);
//! let loaded = spile_ops::check(&project)?; // or every mistake of every file
//! let world = World::offline(&project, &loaded.settings, &Outside::nothing());
//! let options = Options::everything("dev".parse::<EnvironmentName>()?);
//! let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! let plan = runtime.block_on(spile_ops::plan(&world, &loaded, &options))?;
//! assert_eq!(plan.summary().create, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod apply;
pub mod author;
pub mod backfill;
pub mod bake;
pub mod certify;
pub mod changed_since;
pub mod check;
pub mod connectors;
pub mod contract;
pub mod discover;
pub mod doctor;
pub mod edits;
mod error;
mod event;
pub mod exec;
pub mod explain;
pub mod fmt;
pub mod history;
pub mod import;
pub mod import_rows;
pub mod init;
mod invocation;
mod loader_test;
pub mod lock;
pub mod migrate;
pub mod new;
pub mod notify;
pub mod plan;
pub mod preview;
mod probe;
pub mod pull;
pub mod rollback;
pub mod rotated_secrets;
pub mod run;
pub mod run_due;
pub mod run_selection;
pub mod saved_plan;
pub mod scheduler;
pub mod schedules;
pub mod schema;
pub mod secrets;
pub mod state;
pub mod switch;
pub mod up;
pub mod verify;

pub use apply::apply;
pub use certify::certify;
pub use check::{Loaded, check};
pub use discover::discover;
pub use doctor::doctor;
pub use error::Error;
pub use event::{Event, Tell};
pub use exec::exec;
pub use history::{applies, drifted, runs, status};
pub use init::init;
pub use plan::plan;
pub use preview::preview;
pub use probe::ProbeOptions;
pub use pull::{pull, pull_edits};
pub use run::{sync, test};
pub use run_due::run_due;
pub use run_selection::RunSelection;
pub use schedules::schedules;
pub use up::up;
pub use verify::verify;

pub use error::unknown_names;

pub use spile_core::problem::counted;
