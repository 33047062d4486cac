//! Stock Meltano beside spile: what its own commands write into `meltano.yml` is either not a change, or reported.

use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};
use spile_core::connector::{Catalog, Head, Role};
use spile_core::integration::Choices;
use spile_core::name::{EnvironmentName, IntegrationId};
use spile_core::plan::State;
use spile_core::record::entry::{Origin, Setup};
use spile_core::record::{Entry, PluginDefinition};
use spile_core::render::{self, Purpose};
use spile_core::source::Source;
use uuid::Uuid;

use crate::meaning::oracle::{self, Variables};
use crate::project::{Project, Ran};

/// Whenever Meltano writes anything, it rewrites the whole file in its own style.
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

/// A utility as `meltano add --from-ref` accepts it, because tests cannot reach the hub.
const UTILITY: &str = "plugin_type_name: utility\nname: sqlfluff\nnamespace: sqlfluff\nlabel: SQLFluff\nvariant: sqlfluff\n\
                       docs: https://example.org\nrepo: https://example.org\npip_url: sqlfluff\nexecutable: sqlfluff\n\
                       settings:\n- name: dialect\n- name: api_key\n";

/// Runs a stock command, and demands success.
fn stock(project: &Project, words: &[&str]) {
    let ran = project.meltano(words);
    assert!(ran.status.success(), "{words:?}: {}", String::from_utf8_lossy(&ran.stderr));
}

fn add_utility(project: &Project) {
    project.write("sqlfluff.yml", UTILITY);
    let words = ["add", "--no-install", "--plugin-type", "utility", "--from-ref", "sqlfluff.yml", "sqlfluff"];
    stock(project, &words);
}

#[test]
fn apply_only_overwrites_edits_by_hand_on_request() {
    let project = Project::with_fault("well");
    add_utility(&project);
    stock(&project, &["config", "set", "sqlfluff", "dialect", "ansi"]);
    stock(&project, &["schedule", "add", "nightly", "--job", "all", "--interval", "@daily"]);
    let edited = project.read("meltano.yml");
    let plan = project.spile(&["plan"]).succeeds().stdout();
    for said in ["utility `sqlfluff`, added by hand", "schedule `nightly`, added by hand", "--allow overwrite=2"] {
        assert!(plan.contains(said), "{plan}");
    }
    let data = project.json(&["plan"]);
    assert_eq!(data["hand_edits"].as_array().unwrap().len(), 2, "{data}");
    for words in [&["apply", "--yes"][..], &["apply", "--yes", "--allow", "overwrite=1"]] {
        let refused = project.spile(words);
        assert_eq!(refused.0.status.code(), Some(4), "{}", refused.stderr());
        assert!(refused.stderr().contains("spile::meltano_yml::edited"), "{}", refused.stderr());
        assert_eq!(project.read("meltano.yml"), edited);
    }
    project.spile(&["apply", "--yes", "--allow", "overwrite=2"]).succeeds();
    assert!(!project.read("meltano.yml").contains("sqlfluff"));
}

/// Changes a project with stock commands, one after the other.
fn work_beside(project: &Project) {
    add_utility(project);
    for words in [
        &["config", "set", "sqlfluff", "dialect", "{{ansi}} {% x %}"][..],
        &["--environment", "dev", "config", "set", "sqlfluff", "dialect", "duckdb"],
        &["add", "--no-install", "--plugin-type", "extractor", "mine", "--inherit-from", "tap-fault"],
        &["job", "add", "all", "--tasks", "tap-fault--things target-jsonl--files"],
        &["schedule", "add", "nightly", "--job", "all", "--interval", "@daily"],
        &["environment", "add", "staging"],
    ] {
        stock(project, words);
    }
    // A comment is an edit too.
    let commented =
        project.read("meltano.yml").replacen("\n  - name: sqlfluff\n", "\n  # Ours.\n  - name: sqlfluff\n", 1);
    project.write("meltano.yml", &commented);
}

#[test]
fn a_pull_writes_edits_of_stock_commands_into_the_template() {
    let project = Project::with_fault("well");
    work_beside(&project);
    let edited = project.read("meltano.yml");
    assert!(edited.contains("# Ours."), "{edited}");
    let meaning = oracle::ask(project.path(), &Variables::new()).unwrap();
    let pulled = project.json(&["pull"]);
    assert_eq!(pulled["files"], json!(["templates/meltano.yml.j2"]), "{pulled}");
    let plan = project.spile(&["plan", "--exit-code"]).succeeds().stdout();
    assert!(plan.contains("No changes"), "{plan}");
    project.spile(&["drift"]).succeeds();
    assert_eq!(project.json(&["pull"])["files"], json!([]));
    // Rendering the file again preserves its meaning.
    std::fs::remove_file(project.path().join("meltano.yml")).unwrap();
    project.spile(&["apply", "--yes"]).succeeds();
    let rendered = project.read("meltano.yml");
    assert!(rendered.contains("# Ours.") && rendered.contains("{{ansi}} {% x %}"), "{rendered}");
    assert_eq!(oracle::ask(project.path(), &Variables::new()).unwrap(), meaning);
    let jobs = project.meltano(&["job", "list"]);
    assert!(String::from_utf8_lossy(&jobs.stdout).contains("all"), "{jobs:?}");
    // Runs of spile continue as before, and so does Meltano's through its own job.
    project.spile(&["sync", "things"]).succeeds();
    let rows = || project.read("output/things.jsonl").lines().count();
    let before = rows();
    assert!(before > 0);
    stock(&project, &["--environment", "dev", "run", "all"]);
    assert!(rows() >= before);
    // The template belongs to the project now: removing something from it needs no confirmation.
    let template = project.read("templates/meltano.yml.j2");
    let without = template.replacen("- name: nightly\n  interval: '@daily'\n  job: all\n", "", 1);
    assert_ne!(template, without, "{template}");
    project.write("templates/meltano.yml.j2", &without);
    project.spile(&["apply", "--yes"]).succeeds();
    assert!(!project.read("meltano.yml").contains("nightly"));
}

#[test]
fn a_pull_writes_changes_of_an_integration_by_stock_commands_into_its_file() {
    let project = Project::with_fault("well");
    project.spile(&["secrets", "init"]).succeeds();
    for words in [
        &["config", "set", "tap-fault--things", "mode", "slow"][..],
        &["--environment", "dev", "config", "set", "tap-fault--things", "mode", "wide"],
        &["select", "tap-fault--things", "things", "id"],
        &["schedule", "add", "hourly", "--job", "things", "--interval", "@hourly"],
    ] {
        stock(&project, words);
    }
    // As `meltano config set --store meltano_yml` writes it.
    let mut text = project.read("meltano.yml");
    text = text.replacen("      mode: slow\n", "      mode: slow\n      token: canary-5c1e\n", 1);
    assert!(text.contains("canary-5c1e"), "{text}");
    project.write("meltano.yml", &text);
    let plan = project.spile(&["plan"]).succeeds();
    let pulled = project.spile(&["pull"]).succeeds();
    for said in [&plan, &pulled] {
        assert!(!(said.stdout() + &said.stderr()).contains("canary-5c1e"), "{}{}", said.stdout(), said.stderr());
    }
    let file = project.read("integrations/things.toml");
    for said in ["mode = \"slow\"", "select = [\"things.id\"]", "schedule = \"@hourly\"", "token = \"ENC["] {
        assert!(file.contains(said), "{file}");
    }
    assert!(file.contains("type = 'fault'") && !file.contains("canary"), "{file}");
    assert!(project.read("integrations/things.dev.toml").contains("mode = \"wide\""));
    assert!(!project.path().join("templates").exists());
    project.spile(&["apply", "--yes"]).succeeds();
    let rendered = project.read("meltano.yml");
    assert!(rendered.contains("mode: slow") && !rendered.contains("canary"), "{rendered}");
    project.spile(&["plan", "--exit-code"]).succeeds();
}

#[test]
fn a_pull_into_a_computed_part_of_a_template_is_refused_with_the_place() {
    let project = Project::with_fault("well");
    let clever = "plugins:\n{{- spile.plugin_list(made, \"extractors\", 2) }}\n{{- spile.plugin_list(made, \"loaders\", 2) }}\n\
                  {%- for name in [\"sql\", \"dbt\"] %}\n{%- if loop.first %}\n  utilities:\n{%- endif %}\n  - name: {{ name }}\n\
                  {%- endfor %}";
    let template = spile_core::render::TEMPLATE.replacen("{{- spile.all_plugins(made) }}", clever, 1);
    project.write("templates/meltano.yml.j2", &template);
    project.spile(&["apply", "--yes"]).succeeds();
    let edited = project.read("meltano.yml").replacen("  - name: dbt\n", "  - name: dbt\n    api_key: canary-77\n", 1);
    assert!(edited.contains("canary-77"), "{edited}");
    project.write("meltano.yml", &edited);
    let refused = project.spile(&["pull"]).fails();
    assert!(refused.stderr().contains("spile::template::not_kept"), "{}", refused.stderr());
    assert!(refused.stderr().contains("utility `dbt`"), "{}", refused.stderr());
    let plan = project.spile(&["plan"]).succeeds();
    assert!(!plan.stdout().contains("canary-77") && !refused.stderr().contains("canary-77"), "{}", plan.stdout());
    assert_eq!((project.read("templates/meltano.yml.j2"), project.read("meltano.yml")), (template, edited));
}

#[test]
fn parts_removed_from_the_template_go_without_confirmation() {
    let project = Project::with_fault("well");
    let template = format!("{}\nplugins_of_mine: [x]\n", spile_core::render::TEMPLATE.trim_end());
    project.write("templates/meltano.yml.j2", &template);
    project.spile(&["apply", "--yes"]).succeeds();
    assert!(project.read("meltano.yml").contains("plugins_of_mine"));
    std::fs::remove_file(project.path().join("templates/meltano.yml.j2")).unwrap();
    // Another machine only knows what the registry stores.
    std::fs::remove_dir_all(project.path().join(".spile/applied")).unwrap();
    project.spile(&["apply", "--yes"]).succeeds();
    assert!(!project.read("meltano.yml").contains("plugins_of_mine"));
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
            choices: Choices::default(),
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

/// Makes Meltano load a file and write it again.
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
