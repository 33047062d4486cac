//! What a project costs as it grows: the wall-clock time, CPU time and memory of whole processes, each compared with an
//! outside reference: the floor, which only reads and parses the same files, and the time in which other tools report
//! that nothing has changed. `cargo bench --bench scale`.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench prints, and may fail by panicking")]
#![allow(clippy::disallowed_methods, reason = "a bench writes files and starts programs")]

mod parts;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use parts::{Against, Took, measure, project, row, spile, table, timed, venv, write};

const COUNTS: [usize; 4] = [10, 100, 1_000, 10_000];

const SETTINGS: &str = "[project]\nname = \"bench\"\n";

fn main() {
    println!("{}", parts::machine());
    table("Start");
    let here = Path::new(".");
    let nothing = measure(here, 101, "0", &["true"]);
    row("spile --version", 0, spile(here, 101, "0", &["--version"]), Against("true", nothing.wall), "8 ms");
    table("A project as it grows, local registry");
    let unchanged: Vec<f64> = COUNTS.into_iter().map(local).collect();
    let each = |at: usize| unchanged[at] * 1e3 / f64::from(u32::try_from(COUNTS[at]).expect("a count"));
    println!(
        "\nNothing changed, each integration: {:.1} µs of 10,000, {:.1} µs of 1,000; ratio {:.2} (asked 1.3)",
        each(3),
        each(2),
        each(3) / each(2)
    );
    table("A plan with no changes");
    [100, 1_000].into_iter().for_each(others);
}

/// Measures a project of this size; returns the time of a plan without changes.
fn local(count: usize) -> f64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path();
    project::make(root, count, SETTINGS);
    let is_largest = count == 10_000;
    let runs = if is_largest { 7 } else { 15 };
    let floored = || timed(runs, || project::read_and_parse(root));
    let floor = floored();
    let report = |what: &str, took: Took, asked: &str| {
        let asked = if is_largest { asked } else { "" };
        row(what, count, took, Against("read and parse", floor), asked);
    };
    report("check", spile(root, runs, "0", &["check"]), "");
    report("render", render(root, runs), "");
    report("plan, all new", spile(root, runs, "0", &["plan"]), "");
    report("apply, all new", spile(root, 1, "0", &["apply", "--yes"]), "3 s");
    // This row has a goal, so the floor is measured both before and after it: the speed of machines varies.
    let (before, unchanged, after) = (floored(), spile(root, runs, "0", &["plan", "--exit-code"]), floored());
    let asked = if is_largest { "1 s, 200 MiB, 2 x" } else { "" };
    row("plan, nothing changed", count, unchanged, Against("read and parse", f64::midpoint(before, after)), asked);
    if is_largest {
        look(root);
    }
    project::change(root, count, 100, "second");
    report("plan, 1 % changed", spile(root, runs, "2", &["plan", "--exit-code"]), "");
    report("apply, 1 % changed", spile(root, 1, "0", &["apply", "--yes"]), "");
    unchanged.wall
}

/// Measures how long a scheduler takes to find out what is due: the first time, and each time after that.
fn look(root: &Path) {
    let project = spile_world::Project::at(root);
    let loaded = spile_ops::check(&project).expect("a project");
    let environment = loaded.settings.environment(None).expect("an environment");
    let outside = spile_world::Outside::nothing();
    let world = spile_world::World::open(&project, &loaded.settings, &environment, &outside).expect("a local registry");
    let mut timetables = spile_ops::schedules::Timetables::of(&loaded, &environment);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut seconds = || {
        let began = std::time::Instant::now();
        drop(runtime.block_on(timetables.now(&world)).expect("a local registry"));
        began.elapsed().as_secs_f64()
    };
    let first = seconds();
    let later = (0..7).map(|_| seconds()).fold(f64::INFINITY, f64::min);
    println!("\nA scheduler's look at 10,000 schedules: {:.0} ms, then {:.1} ms each time", first * 1e3, later * 1e3);
}

/// Renders `meltano.yml` from a loaded project.
fn render(root: &Path, runs: usize) -> Took {
    let loaded = spile_ops::check::used(&spile_world::Project::at(root)).expect("a project");
    Took::wall(timed(runs, || drop(loaded.render(&loaded.entries).expect("it is rendered"))))
}

/// Measures other tools on the same number of items.
fn others(count: usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    project::make(folder.path(), count, SETTINGS);
    spile(folder.path(), 1, "0", &["apply", "--yes"]);
    let ours = spile(folder.path(), 9, "0", &["plan", "--exit-code"]);
    let against = |what: &str, took: Took| {
        let known = |value: Option<f64>| value.unwrap_or_default();
        let what = format!("{what} ({:.0} CPU ms, {:.0} MiB)", known(took.cpu), known(took.peak));
        row("spile plan", count, ours, Against(&what, took.wall), "");
    };
    if let Some(took) = terraform(count) {
        against("terraform plan, `terraform_data`", took);
    } else {
        println!("\nTerraform is not installed: NOT MEASURED\n");
    }
    against("octodns-sync, YAML to YAML", octodns(count));
    if count == 100 {
        let (compile, list) = meltano(folder.path());
        against("meltano compile", compile);
        against("meltano config list, of one plugin", list);
    }
}

fn terraform(count: usize) -> Option<Took> {
    Command::new("terraform").arg("version").output().ok()?;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut text = String::new();
    for number in 1..count {
        let input = format!(
            "name = \"Shop {number}\", loader = \"files\", host = \"first.example.com\", user = \"u{number}\", database = \"shop\""
        );
        let _ = writeln!(text, "resource \"terraform_data\" \"shop-{number:05}\" {{\n  input = {{ {input} }}\n}}");
    }
    write(folder.path(), "main.tf", &text);
    measure(folder.path(), 1, "0", &["terraform", "init", "-input=false"]);
    measure(folder.path(), 1, "0", &["terraform", "apply", "-auto-approve", "-input=false"]);
    Some(measure(folder.path(), 3, "0", &["terraform", "plan", "-input=false", "-detailed-exitcode"]))
}

fn octodns(count: usize) -> Took {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let provider =
        "class: octodns.provider.yaml.YamlProvider\n    default_ttl: 3600\n    enforce_order: false\n    directory:";
    let config = format!(
        "manager:\n  max_workers: 1\nproviders:\n  files:\n    {provider} ./files\n  there:\n    {provider} ./there\n\
         zones:\n  example.com.:\n    sources: [files]\n    targets: [there]\n"
    );
    write(folder.path(), "config.yaml", &config);
    let records = (1..count).map(|number| format!("shop-{number:05}:\n  type: TXT\n  value: host=first u{number}\n"));
    let zone: String = std::iter::once("---\n".to_owned()).chain(records).collect();
    write(folder.path(), "files/example.com.yaml", &zone);
    write(folder.path(), "there/example.com.yaml", &zone);
    let program = venv(&["octodns==1.22.0"]).join("bin/octodns-sync").display().to_string();
    measure(folder.path(), 3, "0", &[&program, "--config-file", "config.yaml"])
}

fn meltano(root: &Path) -> (Took, Took) {
    let program = venv(&["meltano==4.4.1"]).join("bin/meltano").display().to_string();
    let compile = measure(root, 1, "0", &[&program, "compile", "--no-lint"]);
    (compile, measure(root, 3, "0", &[&program, "config", "list", "tap-postgres--shop-00001"]))
}
