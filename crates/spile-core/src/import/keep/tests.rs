use super::*;
use crate::name::{EnvironmentName, project_id};
use crate::plan::State;
use crate::render::rest::hand_edits;
use crate::render::{self, Head, Purpose};
use crate::source::Source;

fn rendered(template: &str) -> String {
    let dev: EnvironmentName = "dev".parse().unwrap();
    let head = Head {
        project_id: project_id("x"),
        default_environment: dev.clone(),
        environments: vec![dev],
        purpose: Purpose::Project,
    };
    render::meltano_yml(&head, &State::default(), &Source::new("t.j2", template)).unwrap()
}

/// Edits what a template renders, keeps the edit, and checks that the template then renders it.
fn held(template: &str, edit: &dyn Fn(String) -> String) -> String {
    let before = rendered(template);
    let found = edit(before.clone());
    let edits = hand_edits(&found, &before, Some(&before));
    assert!(!edits.is_empty());
    let kept = kept(template, &found, &edits).unwrap_or_else(|not| panic!("{not:?}\n{template}\n{found}"));
    let after = rendered(&kept);
    let sort = render::rest::sort_by_name;
    assert!(crate::render::says_the_same(&after, &found, sort), "{kept}\n---\n{after}\n---\n{found}");
    kept
}

fn put(text: &'static str) -> impl Fn(String) -> String {
    move |before| before + text
}

#[test]
fn additions_to_a_rendered_file_are_kept_in_the_built_in_template() {
    for added in [
        "plugins:\n  utilities:\n  # Ours.\n  - name: sql\n    config:\n      a: '{{ x }} {% y %}' # so\n",
        "plugins:\n  utilities:\n  - {name: sql}\n  - {name: dbt, pip_url: dbt}\n  mappers: [{name: m}]\n",
        "plugins:\n  extractors:\n  - name: mine\n    pip_url: mine\n  loaders:\n  - name: theirs\n    pip_url: t\n",
        "jobs:\n- name: all\n  tasks:\n  - a b\n- name: more\n  tasks: [a b]\nschedules:\n# At night.\n- name: n\n  job: all\n  interval: '@daily'\n",
        "cli:\n  log_level: debug # loud\nenv:\n  A: b\n",
    ] {
        let template = held(render::TEMPLATE, &put(added));
        let same = held(&template, &put("version: 1\n"));
        assert!(same.starts_with(&template[..template.len() - 1]), "{same}");
    }
}

#[test]
fn additions_to_environments_are_kept() {
    let into = |text: &'static str| move |before: String| before.replacen("- name: dev\n", text, 1);
    for text in [
        "- name: dev\n- name: staging\n",
        "- name: dev\n- name: staging\n  env:\n    A: b\n",
        "- name: dev\n  env:\n    A: b\n  state_id_suffix: x\n",
        "- name: dev\n  config:\n    plugins:\n      utilities:\n      - name: sql\n        config:\n          a: 1\n",
        "- name: dev\n  config:\n    plugins:\n      extractors:\n      - name: mine\n        select:\n        - a.*\n",
        "- name: dev\n  config:\n    cli:\n      log_level: info\n",
    ] {
        let template = held(render::TEMPLATE, &into(text));
        held(&template, &put("plugins:\n  utilities:\n  - {name: sql}\n"));
    }
    let first = held(render::TEMPLATE, &into("- name: dev\n- name: staging\n"));
    let both = held(&first, &into("- name: dev\n  env:\n    A: b\n"));
    let item = "- name: staging\n{{- spile.overlay_config(overlays, \"staging\", 2) }}\n- name: dev\n";
    assert!(both.contains(item), "{both}");
}

#[test]
fn changes_and_removals_are_kept_in_the_projects_own_template() {
    let own = render::TEMPLATE.replace(
        "{{- spile.all_plugins(made) }}",
        "plugins:\n{{- spile.plugin_list(made, \"extractors\", 2) }}\n  utilities:\n  - name: dbt # ours\n    config:\n      a: 1\n\
         \x20 - name: sql\n  mappers:\n  - name: hide",
    );
    for (from, to) in [
        ("      a: 1\n", "      a: '{{ 2 }}'\n      b: 3\n"),
        ("  - name: sql\n", ""),
        ("  mappers:\n  - name: hide\n", ""),
        ("send_anonymous_usage_stats: false\n", "send_anonymous_usage_stats: true\n"),
        ("send_anonymous_usage_stats: false\n", ""),
        ("  - name: hide\n", "  - name: hide\n  - name: show\n"),
    ] {
        held(&own, &|before: String| {
            assert!(before.contains(from), "{before}");
            before.replacen(from, to, 1)
        });
    }
}

#[test]
fn generated_parts_of_a_template_are_not_edited() {
    let template = render::TEMPLATE;
    let before = rendered(template);
    let found = before.replace("default_environment: dev", "default_environment: prod");
    let edits = hand_edits(&found, &before, Some(&before));
    let not = kept(template, &found, &edits).unwrap_err();
    assert_eq!(not.part.to_string(), "setting `default_environment`");
    assert!(template[not.span.offset()..].starts_with("default_environment"));
}
