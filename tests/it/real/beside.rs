//! Stock Meltano beside spile: what its own commands write into `meltano.yml` is no change, or is told.

use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};
use spile_core::connector::{Catalog, Head, Role};
use spile_core::name::{EnvironmentName, IntegrationId};
use spile_core::plan::State;
use spile_core::record::entry::{Origin, Setup};
use spile_core::record::{Entry, PluginDefinition};
use spile_core::render::{self, Purpose};
use spile_core::source::Source;
use uuid::Uuid;

use crate::project::{Project, Ran};

/// What Meltano writes as soon as it writes anything is the whole file, in its own form.
#[test]
fn a_project_that_stock_meltano_has_run_has_nothing_to_plan() {
    let project = Project::with_fault("well");
    let before = project.read("meltano.yml");
    let ran = project.meltano(&["--environment", "dev", "run", "tap-fault--things", "target-jsonl--files"]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let set = project.meltano(&["config", "set", "meltano", "cli.log_level", "info"]);
    assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
    let unset = project.meltano(&["config", "unset", "meltano", "cli.log_level"]);
    assert!(unset.status.success(), "{}", String::from_utf8_lossy(&unset.stderr));
    project.spile(&["plan", "--exit-code"]).succeeds();
    project.spile(&["drift"]).succeeds();
    assert_eq!(project.read("meltano.yml"), before, "it is written as Meltano writes it");
    let said: Value = serde_json::from_str(&project.spile(&["plan", "--format", "json"]).succeeds().stdout()).unwrap();
    assert_eq!((&said["files"], &said["meltano_edited"]), (&json!([]), &json!(false)));
}

/// Every built-in connector, and values that look like something else.
fn entries() -> State<Entry> {
    let texts = [
        "",
        "null",
        "yes",
        "1_000",
        "2024-01-01",
        "a: b",
        "a #b",
        "- a",
        "*.*",
        "!x.y",
        "it's",
        "'a'",
        "a\nb",
        "a, [b]",
        "é\u{a0}",
        "\t",
        "@daily",
        "%",
        "a\\b",
        "\"a\"",
        " a",
        "<<",
        "=",
        "~",
        "-1.5e3",
        "x:y",
        "{a}",
        "`",
        "|",
        "\u{1f4a9}",
        "a:",
    ];
    let config = texts.iter().enumerate().map(|(at, text)| (format!("c{at}"), json!(text)));
    let nested = json!({"of": texts, "more": {"a: b": [1, 2.5, true], "": []}, "*": texts[4]});
    let setup = Setup {
        config: spile_core::value::sorted(
            config.chain([("nested".to_owned(), nested.clone()), ("true".to_owned(), json!(false))]).collect(),
        ),
        select: Some(texts.iter().filter(|text| !text.is_empty()).map(|text| (*text).to_owned()).collect()),
        metadata: nested.as_object().cloned().unwrap(),
        load_schema: Some("on".to_owned()),
    };
    let heads = Catalog::built_in_heads().into_iter().enumerate();
    let entry = |(at, head): (usize, Head)| {
        let connector = Catalog::built_in(head.role, &head.name).unwrap();
        let definition = Arc::new(PluginDefinition::of(&connector));
        let slug = format!("s{at}").parse().unwrap();
        let entry = Entry {
            plugin: format!("{}--s{at}", definition.name()),
            slug,
            role: head.role,
            protect: at % 2 == 0,
            origin: Origin::Made,
            definition,
            base: setup.clone(),
            environments: [("prod".parse().unwrap(), setup.clone())].into(),
            mappers: Vec::new(),
            loader: (head.role == Role::Extractor).then(|| "target-x".to_owned()),
            interval: (head.role == Role::Extractor).then(|| "0 4 * * *".to_owned()),
        };
        (IntegrationId(Uuid::from_u128(at as u128)), entry)
    };
    heads.map(entry).collect()
}

/// What Meltano makes of a file that it loads and writes again.
const REWRITE: &str = "import pathlib, sys\n\
                       from meltano.core.project import Project\n\
                       with Project(pathlib.Path(sys.argv[1])).meltano_update():\n    pass\n";

#[test]
fn a_rendered_file_is_written_as_meltano_writes_it() {
    let environments: Vec<EnvironmentName> = ["dev", "prod", "off"].map(|name| name.parse().unwrap()).into();
    let head = render::Head {
        project_id: spile_core::name::project_id("x"),
        default_environment: environments[0].clone(),
        environments,
        purpose: Purpose::Project,
    };
    let text = render::meltano_yml(&head, &entries(), &Source::new("meltano.yml.j2", render::TEMPLATE)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meltano.yml");
    std::fs::write(&path, &text).unwrap();
    let mut command = Command::new(crate::project::seed().join(".spile/meltano/bin/python"));
    command.args(["-c", REWRITE]).arg(folder.path()).env("MELTANO_SEND_ANONYMOUS_USAGE_STATS", "false");
    Ran(command.output().unwrap()).succeeds();
    let again = std::fs::read_to_string(path).unwrap();
    for (ours, theirs) in text.lines().zip(again.lines()) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(text, again);
}
