//! Generated projects that nobody would write: an import must preserve every answer of Meltano, and the project that is
//! rendered from spile's files must mean what they declare.

mod files;
mod model;
mod projects;
mod proof;
mod rendered;
mod written;

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::Value;
use spile_core::import::Why;
use spile_core::integration::Integrations;
use spile_ops::Loaded;
use spile_ops::import::{Options, Prepared, carry_out, prepare};
use spile_ops::secrets::Access;
use spile_world::{Program, Project};

use super::oracle::{Oracle, Variables, differences};
use crate::folder::{Folder, Opened};
use projects::File;
use proof::{Case, Imported};

pub use files::inline;

/// How many projects to try by default; set `SPILE_MEANINGS` for more.
const CASES: u32 = 24;

/// How many of them come from one seed: few enough to rerun while investigating a failure.
const SHARD: u32 = 25;

fn shown(error: &spile_ops::Error) -> TestCaseError {
    TestCaseError::fail(format!("{error:?}"))
}

pub fn import(folder: &Folder) -> Result<Prepared, TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (project, keys) = (Project::at(folder.path()), rendered::keys());
    let prepared = prepare(folder.path(), &keys, &Options::default()).map_err(|error| shown(&error))?;
    let program = Program::new("".into());
    let access = Access { project: &project, keys: &keys, program: &program, now: Timestamp::UNIX_EPOCH };
    runtime.block_on(carry_out(&prepared, access)).map_err(|error| shown(&error))?;
    Ok(prepared)
}

/// Returns the checked project. Fails if a plan would change `meltano.yml`.
fn nothing_is_planned(folder: &Folder, after: &str) -> Result<Loaded, TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let opened = Opened::at(folder, None).map_err(|error| shown(&error))?;
    let plan = runtime.block_on(opened.plan()).map_err(|error| shown(&error))?;
    prop_assert!(plan.meltano.is_empty(), "after {after}: {:#?}", plan.meltano);
    Ok(opened.loaded)
}

/// The variables that are set for Meltano: one that texts use, and those of a setting that never has a value.
static VARIABLES: LazyLock<Variables> = LazyLock::new(|| {
    let all =
        [("USD", "12"), ("TAP_A_UNSET", "a"), ("TAP_A__B_UNSET", "b"), ("TAP_C_X_UNSET", "c"), ("TARGET_B_UNSET", "d")];
    all.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
});

fn lay(files: &[File]) -> Folder {
    let folder = Folder::new();
    for (path, text) in files {
        folder.write(path, text);
    }
    folder
}

/// Tells whether a difference is about the setting without a value, which the import reports as no longer read.
pub fn is_unset(found: &str) -> bool {
    found.to_lowercase().contains("unset:") || found.contains("/unset")
}

/// Imports a project, and fails if that changes its meaning, or if the proof of the import misses a change.
fn means_the_same(case: &Case, oracle: &mut Oracle) -> Result<(), TestCaseError> {
    let folder = lay(&case.files);
    // A project that Meltano refuses has no meaning to preserve.
    let before = oracle.ask_quickly(folder.path(), &VARIABLES).map_err(TestCaseError::reject)?;
    let prepared = import(&folder)?;
    let rendered = folder.read("meltano.yml");
    let loaded = nothing_is_planned(&folder, "an import")?;
    let ask = if case.is_dumped { Oracle::ask_and_dump } else { Oracle::ask_quickly };
    let after = ask(oracle, folder.path(), &VARIABLES).map_err(TestCaseError::fail)?;
    if case.is_dumped {
        nothing_is_planned(&folder, "Meltano has written the file")?;
    }
    answers_are_kept(&before, &after, &prepared)?;
    runs_no_less(&before[""], &loaded.integrations)?;
    count(&prepared);
    // The proof compares one text, in which the import has already merged all files.
    if case.files.len() > 1 {
        return Ok(());
    }
    proof::agrees(&Imported { folder, before, prepared, rendered }, case, oracle)
}

/// Fails if answers differ, except about settings that the import reports as no longer read.
fn answers_are_kept(before: &Value, after: &Value, prepared: &Prepared) -> Result<(), TestCaseError> {
    let (unset, found): (Vec<_>, Vec<_>) = differences(before, after).into_iter().partition(|found| is_unset(found));
    prop_assert!(found.is_empty(), "{}", found.join("\n"));
    // Only the declaration in an environment is lost. All others move to the plugin's own settings.
    let lost: Vec<_> = unset.iter().filter(|found| found.starts_with("//")).collect();
    prop_assert!(lost.is_empty(), "{lost:?}");
    // What the import says of it is so.
    let is_told = prepared.notes.iter().any(|note| note.message.to_string().starts_with("`unset` has no value"));
    prop_assert!(is_told || unset.is_empty(), "nothing is said of {}", unset.join("\n"));
    Ok(())
}

/// Why a generated plugin stays in the template: integration files cannot express it.
const REASONS: [&str; 9] = [
    "holds a null",
    "has a variable inside a pattern",
    "takes out rules that others say of it",
    "is empty, which selects nothing",
    "has an unsupported form",
    "the rest of the file refers to an anchor in it",
    "has a different kind elsewhere",
    "` is a table, not ",
    "` is an array, not ",
];

/// How many plugins became integrations, and how many stayed in the template for another reason.
static ADOPTED: AtomicU32 = AtomicU32::new(0);
static LEFT: AtomicU32 = AtomicU32::new(0);

/// Counts the plugins of an import. If the proof finds a fault of the import, the plugin stays as it is, so that no answer of
/// Meltano shows the fault.
fn count(prepared: &Prepared) {
    let is_expected = |why: &Why| REASONS.iter().any(|reason| why.what.contains(reason));
    let left = prepared.left.values().filter(|why| !is_expected(why)).count();
    for (counter, number) in [(&ADOPTED, prepared.adopted.len()), (&LEFT, left)] {
        counter.fetch_add(u32::try_from(number).unwrap(), Ordering::Relaxed);
    }
}

/// Fails if more than a few plugins stayed in the template. Some do for good: their values contradict each other, or their
/// order does not survive in a TOML file.
fn most_became_integrations() {
    let [adopted, left] = [&ADOPTED, &LEFT].map(|counter| counter.load(Ordering::Relaxed));
    eprintln!("{adopted} plugins became integrations, and {left} could not");
    assert!(left * 30 <= adopted + 200, "the import left {left} plugins beside {adopted}");
}

/// Fails if a run of spile, as the new files declare it, would differ from the extractor's jobs.
fn runs_no_less<'a>(before: &'a Value, all: &Integrations) -> Result<(), TestCaseError> {
    for one in all.iter() {
        let Some(loader) = one.base.loader.as_ref().and_then(|loader| all.find(loader.as_str())) else { continue };
        let (extractor, mappers) = (one.plugin_name(), &one.base.mappers);
        let (extractor, loader) = (&extractor, &loader.plugin_name());
        let run = [std::slice::from_ref(extractor), mappers, std::slice::from_ref(loader)].concat();
        // A schedule that runs exactly this pair becomes one run of spile, whatever other jobs do.
        let is_it = |schedule: &Value| schedule["extractor"] == *extractor && schedule["loader"] == *loader;
        let mut schedules = before["schedules"].as_object().into_iter().flatten();
        if mappers.is_empty() && schedules.any(|(_, schedule)| is_it(schedule)) {
            continue;
        }
        let jobs = || before["jobs"].as_object().into_iter().flatten();
        let blocks = |job: &'a Value| job["blocks"].as_array().map(Vec::as_slice).unwrap_or_default();
        // So does a job of exactly this pair.
        let is_only = |job: &'a Value| blocks(job).iter().filter_map(|block| block[1].as_str()).eq(run.iter());
        if jobs().any(|(_, job)| is_only(job)) {
            continue;
        }
        for (name, job) in jobs() {
            let blocks = blocks(job);
            // A job with an unknown name does not run.
            if blocks.iter().any(|block| block[0].is_null()) {
                continue;
            }
            let pairs = blocks.split_inclusive(|block| block[0] == "loaders");
            for pair in pairs.filter(|pair| pair.iter().any(|block| block[1] == *extractor)) {
                let words: Vec<_> = pair.iter().filter_map(|block| block[1].as_str()).collect();
                prop_assert!(words == run, "spile runs {run:?} and the job `{name}` {words:?}");
            }
        }
    }
    Ok(())
}

/// Runs cases of one seed.
fn shard<S: Strategy>(cases: u32, seed: u64, law: &Law<S>, oracle: &mut Oracle) -> Result<(), String> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 60, ..ProptestConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let oracle = std::cell::RefCell::new(oracle);
    let tried = runner.run(&(law.cases)(), |case| (law.holds)(&case, &mut oracle.borrow_mut()));
    tried.map_err(|error| format!("SPILE_MEANINGS={cases} SPILE_MEANING_SEED={seed}: {error}"))
}

/// A property that must hold for every case.
struct Law<S: Strategy> {
    cases: fn() -> S,
    holds: fn(&S::Value, &mut Oracle) -> Result<(), TestCaseError>,
}

/// Tests a property for many cases, two at a time.
fn hold<S: Strategy>(law: &Law<S>) {
    let number = |name: &str| std::env::var(name).ok().and_then(|number| number.parse::<u64>().ok());
    let cases = number("SPILE_MEANINGS").and_then(|cases| u32::try_from(cases).ok()).unwrap_or(CASES);
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos().into();
    let seed = number("SPILE_MEANING_SEED").unwrap_or_else(now);
    eprintln!("{cases} projects; the same ones with SPILE_MEANINGS={cases} SPILE_MEANING_SEED={seed}");
    let (shards, next) = (cases.div_ceil(SHARD), AtomicU32::new(0));
    let work = || {
        let mut oracle = Oracle::new();
        let mut failed = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= shards {
                return failed;
            }
            let cases = SHARD.min(cases - index * SHARD);
            failed.extend(shard(cases, seed.wrapping_add(index.into()), law, &mut oracle).err());
        }
    };
    let failed: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..shards.min(2)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
fn an_import_preserves_every_answer_of_meltano_and_its_proof_misses_no_difference() {
    hold(&Law { cases: proof::case, holds: means_the_same });
    most_became_integrations();
}

#[test]
fn what_is_rendered_means_to_meltano_what_the_files_declare() {
    hold(&Law { cases: files::project, holds: rendered::means_what_is_declared });
}
