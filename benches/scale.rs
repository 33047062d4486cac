//! What a project costs as it grows: whole processes, by the clock, by processors and by memory, each against something
//! outside: the floor, which is reading and parsing the same files and nothing else, and what others need for the same.
//! `cargo bench --bench scale`, with `-- others` for Terraform, octoDNS and Meltano too.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench prints, and may fail by panicking")]
#![allow(clippy::disallowed_methods, reason = "a bench writes files and starts programs")]

mod parts;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use parts::{Took, measure, spile, timed, write};
use spile::secret::Secret;
use spile::sops::{DataKey, Document, Wrapped, rewrite};
use toml::de::DeTable;

const COUNTS: [usize; 4] = [10, 100, 1_000, 10_000];

/// A wrapped data key, as long as age makes them; nothing here opens it.
const WRAPPED: &str = concat!(
    "-----BEGIN AGE ENCRYPTED FILE-----\n",
    "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBxdUZ1ZUlqN2ZXbUZkSjRN\n",
    "V1hQb3pEa1NqR2pXZ1pKbGJrVmRyT2dYRWdnCk1nb2xkY2p3dGJqZ3VxSWxOWHhn\n",
    "bFB6Z2tzTmRkVzZtUHlPS2RWb2dyUW8KLS0tIHJ2dUVrVXhHVDhEcHBOVlZGNGxi\n",
    "K2xvZFZsd1p0R3lTTXhQbHVqbXdGMm8KqyGNJm7TkXwHvDqjyxGJpWbmTjdJFwHu\n",
    "-----END AGE ENCRYPTED FILE-----\n",
);

fn main() {
    println!("{}\n", machine());
    start();
    let unchanged: Vec<f64> = COUNTS.into_iter().map(local).collect();
    let each = |at: usize| unchanged[at] / f64::from(u32::try_from(COUNTS[at]).expect("a count"));
    println!("\nnothing changed, time of each integration: 10,000 to 1,000 = {:.2} (asked 1.3)", each(3) / each(2));
    if std::env::args().any(|word| word == "others") {
        others();
    }
}

fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
        line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let (model, memory) = (field(&read("/proc/cpuinfo"), "model name"), field(&read("/proc/meminfo"), "MemTotal"));
    format!("{model}, {cores} cores, {memory}; spile {}", env!("CARGO_PKG_VERSION"))
}

fn start() {
    let here = Path::new(".");
    let (spile, nothing) = (spile(here, (101, "0"), &["--version"]), measure(here, (101, "0"), &["true"]));
    println!("cold start: {:.1} ms, `true` {:.1} ms (asked 8 ms)\n", spile.wall, nothing.wall);
    println!(
        "{:>12} {:>22} {:>10} {:>10} {:>10} {:>10} {:>8}",
        "integrations", "case", "wall ms", "cpu ms", "peak MiB", "floor ms", "ratio"
    );
}

/// Measures a project of so many on the local registry; returns the time of a plan where nothing changed.
fn local(count: usize) -> f64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path();
    project(root, count);
    let runs = if count > 1_000 { 7 } else { 15 };
    let floor = timed(runs, || read_and_parse(root));
    let report = |case: &str, took: Took| {
        let Took { wall, cpu, peak } = took;
        println!("{count:>12} {case:>22} {wall:>10.1} {cpu:>10.1} {peak:>10.1} {floor:>10.1} {:>8.2}", wall / floor);
    };
    report("check", spile(root, (runs, "0"), &["check"]));
    report("plan, all new", spile(root, (runs, "0"), &["plan"]));
    report("apply, all new", spile(root, (1, "0"), &["apply", "--yes"]));
    let unchanged = spile(root, (runs, "0"), &["plan", "--exit-code"]);
    report("plan, nothing changed", unchanged);
    change(root, count);
    report("plan, 1 % changed", spile(root, (runs, "2"), &["plan", "--exit-code"]));
    report("apply, 1 % changed", spile(root, (1, "0"), &["apply", "--yes"]));
    unchanged.wall
}

fn path_of(number: usize) -> String {
    format!("integrations/shop-{number:05}.toml")
}

/// Writes a project of databases, each with two secrets.
fn project(root: &Path, count: usize) {
    write(root, "spile.toml", "[project]\nname = \"bench\"\n");
    write(root, "integrations/files.toml", "type = \"jsonl\"\nkind = \"loader\"\n");
    for number in 1..count {
        let text = format!(
            "type = \"postgres\"\nname = \"Shop {number}\"\nloader = \"files\"\nschedule = \"@hourly\"\n\
             select = [\"public-orders.*\"]\n\n[config]\nhost = \"first.example.com\"\nuser = \"u{number}\"\n\
             database = \"shop\"\n\n"
        );
        let wrapped = Wrapped { recipient: "age1nobody".to_owned(), enc: WRAPPED.to_owned() };
        let (key, mut document) = (DataKey::generate(), Document::profile(&[wrapped]));
        document.set("password", &Secret::new(format!("the password of shop {number}")), &key);
        document.seal(&key, jiff::Timestamp::UNIX_EPOCH).expect("it is sealed");
        write(root, &path_of(number), &rewrite(&text, &document).expect("it is TOML"));
    }
}

/// Puts another host into every hundredth file, or into one.
fn change(root: &Path, count: usize) {
    for number in (1..count).step_by(100.min(count)) {
        let text = std::fs::read_to_string(root.join(path_of(number))).expect("a file is read");
        write(root, &path_of(number), &text.replace("first.example.com", "second.example.com"));
    }
}

fn read_and_parse(root: &Path) {
    for file in walkdir::WalkDir::new(root.join("integrations")).into_iter().flatten() {
        if file.file_type().is_file() {
            let text = std::fs::read_to_string(file.path()).expect("a file is read");
            DeTable::parse(&text).expect("a file is parsed");
        }
    }
}

/// What others need to say that nothing has changed.
fn others() {
    println!("\n{:>12} {:>34} {:>10} {:>10} {:>10}", "resources", "nothing changed", "wall ms", "cpu ms", "peak MiB");
    let report = |count: usize, case: &str, Took { wall, cpu, peak }: Took| {
        println!("{count:>12} {case:>34} {wall:>10.0} {cpu:>10.0} {peak:>10.1}");
    };
    for count in [100, 1_000] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        project(folder.path(), count);
        spile(folder.path(), (1, "0"), &["apply", "--yes"]);
        report(count, "spile plan", spile(folder.path(), (5, "0"), &["plan", "--exit-code"]));
        if let Some(took) = terraform(count) {
            report(count, "terraform plan (terraform_data)", took);
        }
        report(count, "octodns-sync (YAML to YAML)", octodns(count));
    }
    let (compile, list) = meltano(100);
    report(100, "meltano compile", compile);
    report(100, "meltano config list, of one", list);
}

fn terraform(count: usize) -> Option<Took> {
    let is_there = Command::new("terraform").arg("version").output().is_ok();
    if !is_there {
        println!("{count:>12} terraform is not installed: NOT MEASURED");
        return None;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut text = String::new();
    for number in 1..count {
        let input = format!(
            "name = \"Shop {number}\", loader = \"files\", host = \"first.example.com\", user = \"u{number}\", database = \"shop\""
        );
        let _ = writeln!(text, "resource \"terraform_data\" \"shop-{number:05}\" {{\n  input = {{ {input} }}\n}}");
    }
    write(folder.path(), "main.tf", &text);
    measure(folder.path(), (1, "0"), &["terraform", "init", "-input=false"]);
    let made = measure(folder.path(), (1, "0"), &["terraform", "apply", "-auto-approve", "-input=false"]);
    println!(
        "{count:>12} {:>34} {:>10.0} {:>10.0} {:>10.1}",
        "(terraform apply, all new)", made.wall, made.cpu, made.peak
    );
    Some(measure(folder.path(), (3, "0"), &["terraform", "plan", "-input=false", "-detailed-exitcode"]))
}

/// Makes a virtual environment with a package, once.
fn venv(package: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("benches").join(package);
    if !folder.join("whole").exists() {
        measure(Path::new("."), (1, "0"), &["python3", "-m", "venv", "--clear", &folder.display().to_string()]);
        let python = folder.join("bin/python").display().to_string();
        measure(Path::new("."), (1, "0"), &[&python, "-m", "pip", "install", "--quiet", package]);
        write(&folder, "whole", "");
    }
    folder
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
    let program = venv("octodns==1.22.0").join("bin/octodns-sync").display().to_string();
    measure(folder.path(), (3, "0"), &[&program, "--config-file", "config.yaml"])
}

fn meltano(count: usize) -> (Took, Took) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    project(folder.path(), count);
    spile(folder.path(), (1, "0"), &["apply", "--yes"]);
    let program = venv("meltano==4.4.1").join("bin/meltano").display().to_string();
    let plugin = "tap-postgres--shop-00001";
    let compile = measure(folder.path(), (1, "0"), &[&program, "compile", "--no-lint"]);
    (compile, measure(folder.path(), (3, "0"), &[&program, "config", "list", plugin]))
}
