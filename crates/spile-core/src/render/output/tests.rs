use super::*;
use crate::source::Placed;

/// A task of that name that runs every day.
pub(super) fn task(slug: &str) -> Task {
    Task {
        slug: slug.parse().unwrap(),
        schedule: "@daily".to_owned(),
        timezone: "UTC".to_owned(),
        connector: "postgres".to_owned(),
        loader: "lake".parse().unwrap(),
        tags: std::collections::BTreeSet::new(),
        name: slug.to_owned(),
        description: None,
        path: format!("integrations/{slug}.toml"),
        streams: Vec::new(),
        loaded_at: None,
        timing: None,
    }
}

/// The output of a project's own template, without any integration.
fn rendered(template: &str) -> Result<String, String> {
    rendered_as("txt", template)
}

/// The same for a file with this extension.
fn rendered_as(ending: &str, template: &str) -> Result<String, String> {
    let name = format!("templates/own.{ending}.j2");
    let template = Source::new(&name, template);
    let settings = OutputSettings {
        path: "own.txt".into(),
        template: Placed { value: name, place: Source::new("spile.toml", "").start() },
        environment: "dev".parse().unwrap(),
        values: serde_json::Map::new(),
        loader: None,
    };
    let output = Output::of(&settings, "acme", &[template], &mut Problems::default()).unwrap();
    output.render(&State::default()).map_err(|mistake| mistake.to_string())
}

#[test]
fn a_template_may_run_long_but_not_forever_even_without_integrations() {
    let long = "{{ marker|safe }}\n{% for number in range(60000) %}\n{% endfor %}\n";
    assert_eq!(rendered(long), Ok(format!("{MARKER}\n")));
    let endless = "{{ marker|safe }}\n{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}\n";
    assert_eq!(rendered(endless), Err("the template fails: engine ran out of fuel".to_owned()));
}

#[test]
fn a_value_is_a_literal_unless_the_template_marks_it_as_text() {
    let body =
        "{{ 'a' }}|{{ 'a \"b\"'|safe }}|{% autoescape false %}{{ 'a \"b\"' }}|{{ 'a' if false }}|{% endautoescape %}";
    let expected = format!("{MARKER}\n\"a\"|a \"b\"|a \"b\"||\n");
    assert_eq!(rendered(&format!("{{{{ marker|safe }}}}\n{body}")), Ok(expected));
}

#[test]
fn a_choice_without_an_else_is_the_null_of_every_language() {
    for (ending, written) in [("txt", "[null, \"a\"]"), ("py", "[None, \"a\"]"), ("sh", "[null, a]")] {
        let template = "{{ marker|safe }}\n[{{ 'a' if false }}, {{ 'a' if true }}]\n";
        assert_eq!(rendered_as(ending, template), Ok(format!("{MARKER}\n{written}\n")), "{ending}");
    }
}
