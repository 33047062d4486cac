//! Files of a project that are made to take all memory, all of the stack, or forever: each is refused, soon, and by name.

mod obstacles;

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use spile::ops::{Error, check};
use spile::world::Project;

/// What a debug build may take on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// Checks a project with one file of this text in it; returns the codes of what is wrong and in which file.
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

/// Fuel is taken for what a template makes too, not only for its steps.
#[test]
fn templates_that_have_no_end_run_out_of_fuel() {
    let deep = format!("{}{}", "{% if true %}".repeat(20_000), "{% endif %}".repeat(20_000));
    let templates = [
        "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}",
        "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}",
        "{% set ns = namespace(x='aaaaaaaaaaaa') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "{{ 'a' * 100000000000 }}",
        "{{ [1] * 100000000000 }}",
        "{{ '%100000000000d' | format(1) }}",
        "{{ 'a\nb' | indent(100000000000) }}",
        &deep,
    ];
    for template in templates {
        let path = "templates/meltano.yml.j2";
        assert_eq!(refused_text(path, template), one("spile::template::failed", path), "{template}");
    }
}
