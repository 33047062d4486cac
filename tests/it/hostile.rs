//! Project files that try to use all memory, all of the stack, or endless time: each is refused quickly, and by name.

mod obstacles;
pub mod tricks;
pub mod yard;

use std::fs::File;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use spile_ops::{Error, check};
use spile_world::Project;

/// How long a debug build may take on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// Checks a project with one such file; returns the codes and files of the problems.
fn refused(path: &str, make: impl FnOnce(&Path)) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    std::fs::write(root.join("spile.toml"), "[project]\nname = \"hostile\"\n").unwrap();
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    make(&path);
    let begun = Instant::now();
    let checked = check::check(&Project::at(root));
    assert!(begun.elapsed() < SOON, "it took {:?}", begun.elapsed());
    let Err(Error::Problems(report)) = checked else { panic!("it is taken: {checked:?}") };
    report.problems().iter().map(|one| (one.code(), one.source.path().display().to_string())).collect()
}

fn refused_text(path: &str, text: &str) -> Vec<(String, String)> {
    refused(path, |path| std::fs::write(path, text).unwrap())
}

fn one(code: &str, path: &str) -> [(String, String); 1] {
    [(code.to_owned(), path.to_owned())]
}

#[test]
fn a_hundred_megabytes_are_not_read() {
    for path in [
        "spile.toml",
        "integrations/a.toml",
        "integrations/a.dev.toml",
        "connectors/tap-a.toml",
        "templates/meltano.yml.j2",
        "templates/tasks.py.j2",
    ] {
        let found = refused(path, |path| File::create(path).unwrap().set_len(100_000_000).unwrap());
        assert!(found.contains(&one("spile::files::too_large", path)[0]), "{path}: {found:?}");
    }
    let sidecar = "integrations/a.secrets.yaml";
    let found = refused(sidecar, |path| File::create(path).unwrap().set_len(100_000_000).unwrap());
    assert!(found.contains(&one("spile::files::too_large", sidecar)[0]), "{found:?}");
}

#[test]
fn deep_nesting_is_no_toml() {
    let dots = vec!["a"; 200_000].join(".");
    let texts = [
        format!("{dots} = 1\n"),
        format!("[{dots}]\n"),
        format!("[[{dots}]]\n"),
        format!("a = {}", "[".repeat(200_000)),
        format!("a = {}", "{a=".repeat(200_000)),
    ];
    for text in texts {
        for path in ["spile.toml", "integrations/a.toml", "connectors/tap-a.toml"] {
            let found = refused_text(path, &text);
            assert!(found.contains(&one("spile::toml::syntax", path)[0]), "{path}: {found:?}");
        }
    }
}

/// Fuel also counts what a template produces, not only its steps.
#[test]
fn endless_templates_run_out_of_fuel() {
    let deep = format!("{}{}", "{% if true %}".repeat(20_000), "{% endif %}".repeat(20_000));
    let templates = [
        "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}",
        "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}",
        "{% set ns = namespace(x='aaaaaaaaaaaa') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "{{ 'a' * 100000000000 }}",
        "{{ [1] * 100000000000 }}",
        "{{ '%100000000000d' | format(1) }}",
        "{{ 'a\nb' | indent(100000000000) }}",
        "{{ [1]|tojson(indent=4000000000) }}",
        &deep,
    ];
    for template in templates {
        let path = "templates/meltano.yml.j2";
        assert_eq!(refused_text(path, template), one("spile::template::failed", path), "{template}");
    }
}

/// All templates of a project: `meltano.yml`, outputs and messages.
#[test]
fn no_template_of_a_project_overflows_the_stack_or_takes_all_memory() {
    let twice = |i: usize| format!("{{% set a{i} = [a{}, a{}] %}}", i - 1, i - 1);
    let templates = [
        format!("{{{{ 1{} }}}}", "+1".repeat(50_000)),
        format!("{{% if a %}}{}{{% endif %}}", "{% elif a %}".repeat(80_000)),
        format!("{{% set a0 = [1] %}}{}{{{{ a60 ~ '' }}}}", (1..=60).map(twice).collect::<String>()),
        "{{ [1]|tojson(indent=4000000000) }}".to_owned(),
    ];
    for template in templates {
        for (path, code) in [
            ("templates/meltano.yml.j2", "spile::template::failed"),
            ("templates/tasks.py.j2", "spile::template::failed"),
            ("templates/own.j2", "spile::notify::template"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let settings = "[project]\nname = \"hostile\"\n[[outputs]]\ntemplate = \"templates/tasks.py.j2\"\npath = \"tasks.py\"\n\
                            [[notify]]\nname = \"own\"\nkind = \"webhook\"\nurl = \"https://example.com/hook\"\ntemplate = \"templates/own.j2\"\n";
            let root = folder.path();
            std::fs::write(root.join("spile.toml"), settings).unwrap();
            std::fs::create_dir_all(root.join("templates")).unwrap();
            std::fs::write(root.join("templates/tasks.py.j2"), "# {{ marker|safe }}\n").unwrap();
            std::fs::write(root.join("templates/own.j2"), "{}").unwrap();
            std::fs::write(root.join(path), &template).unwrap();
            let (output, peak) = watched(root);
            assert_eq!(output.status.code(), Some(1), "{path}: {output:?}");
            assert!(String::from_utf8_lossy(&output.stderr).contains(code), "{path}: {output:?}");
            assert!(peak < 200 << 10, "{path}: {peak} KiB: {template:.100}");
        }
    }
}

/// Runs `spile check` in a folder; returns its output and its peak memory in KiB.
fn watched(root: &Path) -> (Output, u64) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spile"));
    command.args(["check", "--color", "never"]).current_dir(root).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let watching = std::thread::spawn(move || {
        let mut peak = 0;
        while let Ok(text) = std::fs::read_to_string(&status) {
            let Some(line) = text.lines().find_map(|line| line.strip_prefix("VmHWM:")) else { break };
            peak = peak.max(line.trim().trim_end_matches(" kB").parse::<u64>().unwrap());
            std::thread::sleep(Duration::from_millis(2));
        }
        peak
    });
    let output = child.wait_with_output().unwrap();
    (output, watching.join().unwrap())
}
