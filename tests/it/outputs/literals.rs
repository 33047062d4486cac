//! Names in outputs: any name is read back as it was written.

use std::path::PathBuf;
use std::process::Command;

use proptest::prelude::*;
use spile_core::render::Output;
use spile_core::render::output::tasks_of;
use spile_core::source::Source;

use super::kubernetes::documents;
use super::{HOSTILE, output, task, tasks, with_streams};
use crate::tools;

/// Evaluates the literals of a module, one `name = literal` on each line, and prints them as JSON.
const EVALUATE: &str = "import ast, json, sys\n\
    tree = ast.parse(sys.stdin.buffer.read())\n\
    json.dump({one.targets[0].id: ast.literal_eval(one.value) for one in tree.body}, sys.stdout)";

fn own(name: &str, text: &str) -> Output {
    let template = Source::new(PathBuf::from("templates").join(name), text);
    output("acme", &format!("template = 'templates/{name}'\npath = 'out'"), &[template])
}

const ALL: &str = "{{ marker|safe }}\n{% for one in integrations %}\n# {{ one.mark|safe }}\n";

#[test]
fn no_name_becomes_python_code() {
    let text = format!(
        "{ALL}name = {{{{ one.name }}}}\ntags = {{{{ one.tags }}}}\nnothing = {{{{ one.cron }}}}\n{{% endfor %}}\n"
    );
    let rendered = own("x.py.j2", &text).render(&tasks([task("a", "@once", "UTC", HOSTILE)])).unwrap();
    if !tools::is_on_the_path("python3") {
        tools::skipped("what Python makes of names", "python3");
        return;
    }
    let said = tools::said(Command::new("python3").args(["-c", EVALUATE]), &rendered);
    assert_eq!(said.code, Some(0), "{}\n{rendered}", said.stderr);
    let found: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(found["name"], HOSTILE);
    assert_eq!(found["tags"], serde_json::json!([HOSTILE, "a tag"]));
    assert!(found["nothing"].is_null());
}

#[test]
fn no_name_becomes_a_shell_command() {
    let words = HOSTILE.replace('\u{0}', "");
    let shell = own("x.sh.j2", &format!("{ALL}printf %s {{{{ one.name }}}}\n{{% endfor %}}\n"));
    let folder = tempfile::tempdir().unwrap();
    let rendered = shell.render(&tasks([task("a", "@daily", "UTC", &words)])).unwrap();
    let said = tools::said(Command::new("sh").current_dir(folder.path()), &rendered);
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), words.as_str()), "{}", said.stderr);
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

proptest! {
    #[test]
    fn every_name_survives_yaml_and_marks(name in any::<String>(), tag in ".*") {
        let text = format!("{ALL}- {{name: {{{{ one.name }}}}, tags: {{{{ one.tags }}}}}}\n{{% endfor %}}\n");
        let mut one = task("a", "@daily", "UTC", &name);
        one.tags.insert(tag);
        let all = tasks([one.clone()]);
        let rendered = own("x.yml.j2", &text).render(&all).unwrap();
        let found = &documents(&rendered)[0][0];
        prop_assert_eq!(found["name"].as_str(), Some(name.as_str()));
        prop_assert_eq!(&found["tags"], &serde_json::json!(one.tags));
        prop_assert_eq!(tasks_of(&rendered), all);
    }

    #[test]
    fn a_file_that_is_read_back_renders_to_the_same_bytes(name in ".*", schedule in "@(daily|hourly)") {
        let first = with_streams(task("a", &schedule, "UTC", &name), &["public-orders", &name]);
        let all = tasks([first, with_streams(task("b", "0 3 * * 7", "Asia/Tokyo", "b"), &["b"])]);
        for declared in ["template = 'dagster'\npath = 'a.py'", "template = 'dbt'\npath = 'a.yml'", "template = 'systemd'\npath = 'a.sh'", "template = 'airflow'\npath = 'a.py'", "template = 'kubernetes'\npath = 'a'\nvalues = { image = 'x' }"] {
            let output = output(&format!("acme {name}"), declared, &[]);
            let text = output.render(&all).unwrap();
            prop_assert_eq!(&tasks_of(&text), &all);
            prop_assert_eq!(&output.render(&tasks_of(&text)).unwrap(), &text);
        }
    }
}
