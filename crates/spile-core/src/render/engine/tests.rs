use std::time::{Duration, Instant};

use minijinja::{AutoEscape, context};

use super::*;

const FUEL: u64 = 500_000;

fn template(text: &str) -> Template<'_> {
    Template {
        name: "a.j2",
        text,
        author: Author::Project,
        syntax: SyntaxConfig::default(),
        escape: |_| AutoEscape::Json,
        formatter: minijinja::escape_formatter,
        import: Some(("spile", "{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}")),
        fuel: FUEL,
    }
}

fn values() -> Value {
    context! { a => false, n => 3, x => context! { a => 1 }, list => [1, 2, 3] }
}

fn refused(text: &str) -> Failure {
    let begun = Instant::now();
    let rendered = template(text).render(values());
    assert!(begun.elapsed() < Duration::from_secs(20), "{text:.200} took {:?}", begun.elapsed());
    rendered.map(|text| text.len()).expect_err(&format!("{text:.200} is taken"))
}

/// Doubles the values of two names repeatedly: each ends up as 2^`times` numbers.
fn doubled(times: usize) -> String {
    let set = |name, i: usize| format!("{{% set {name}{i} = [{name}{}, {name}{}] %}}", i - 1, i - 1);
    let sets: String = (1..=times).map(|i| set("a", i) + &set("b", i)).collect();
    format!("{{% set a0 = [1] %}}{{% set b0 = [1] %}}{sets}")
}

/// Sets `ns.x` to `next` again and again.
fn again(start: &str, next: &str) -> String {
    format!(
        "{{% set ns = namespace(x={start}) %}}{{% for i in range(30000) %}}{{% set ns.x = {next} %}}{{% endfor %}}{{{{ ns.x }}}}"
    )
}

#[test]
fn a_watched_template_renders_what_it_renders_unwatched() {
    let texts = [
        "{% for i in list %}{{ i }}{% if loop.last %}!{% else %},{% endif %}{% else %}none{% endfor %}",
        "{{ [3, 1]|sort }} {{ x.a }} {{ {'a': 1}|tojson(indent=2) }} {{ x.b is defined }} {{ x.c|default('q') }}",
        "{% macro f(a, b=2) %}[{{ a }} {{ b }}{{ caller() if caller is defined }}]{% endmacro %}{{ f(1) }}{{ f(1, b=n) }}",
        "{% macro f() %}<{{ caller() }}>{% endmacro %}{% call f() %}text{% endcall %}",
        "{% for k, v in {'a': 1, 'b': 2}|items %}{{ k }}={{ v }};{% endfor %}{{ list[1:] }}{{ range(n)|list }}{{ dict(a=1) }}",
        "{% set ns = namespace(a=1) %}{% for i in list %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}{% set x %}b{% endset %}{{ x }}",
        "{% for t in [{'n': 1, 'c': [{'n': 2, 'c': []}]}] recursive %}{{ t.n }}({{ loop(t.c) }}){% endfor %}",
        "{{ 1 < n < 9 }}{{ 'a' in 'abc' }}{{ n not in list }}{% filter upper %}abc{% endfilter %}{{ n * 2 ~ '-' ~ n ** 2 }}",
        "{{ list|map('string')|join('-') }}{{ n is divisibleby(3) }}{{ list|select('odd')|list }}{{ list|reverse|first }}",
        "{% block q %}in a block{% endblock %}{{ self.q() }}{% with y = 1 %}{{ y }}{% endwith %}{{ (1, 2)[0] }}",
        "{% import 'spile' as spile %}{{ spile.twice('a') }}{% from 'spile' import twice as t %}{{ t(n) }}",
        "{% autoescape false %}{{ 'a' }}{% endautoescape %}{{ 'a' }}{{ '<'|safe }}{% raw %}{{ a }}{% endraw %}{# no #}",
        "{{ list|batch(2)|list }}{{ list|groupby('real')|list if a else 'no' }}{{ list|sum }}{{ f if f is defined else '' }}",
    ];
    for text in texts {
        let watched = template(text).render(values()).unwrap_or_else(|failure| panic!("{text}: {failure:?}"));
        let program = Template { author: Author::Program, ..template(text) };
        assert_eq!(watched, program.render(values()).unwrap(), "{text}");
        assert!(!watched.is_empty(), "{text}");
    }
}

#[test]
fn what_is_undefined_is_named_as_the_engine_names_it() {
    for (text, name) in
        [("{{ x.b }}", "`x.b`"), ("{{ x.b.c }}", "`x.b`"), ("{{ y }}", "`y`"), ("{{ x['b'] }}", "`x['b']`")]
    {
        let program = Template { author: Author::Program, ..template(text) };
        let (ours, engines) = (refused(text), program.render(values()).unwrap_err());
        assert_eq!((&ours.message, &ours.span), (&engines.message, &engines.span), "{text}");
        assert!(ours.message.contains(name), "{text}: {}", ours.message);
    }
}

#[test]
fn endless_nesting_is_rejected_before_it_is_parsed() {
    let many = |prefix: &str, link: &str, suffix: &str| {
        format!("{{{{ {} }}}}", [prefix, &link.repeat(50_000), suffix].concat())
    };
    let texts = [
        many("1", "+1", ""),
        many("x", ".a", ""),
        many("x", "[0]", ""),
        many("x", "|x", ""),
        many("x", "()", ""),
        many("", "not ", "1"),
        many("", "-", "1"),
        many("", "(", "1"),
        many("", "[", "1"),
        many("1", "~1", ""),
        many("", "1 if x else ", "1"),
        many("x", " is x", ""),
        format!("{{% set {}a{} = 1 %}}", "(".repeat(50_000), ")".repeat(50_000)),
        format!("{{% if a %}}{}{{% endif %}}", "{% elif a %}".repeat(50_000)),
        format!("{{% if a %}}{}{{% endif %}}", "{% elif a %}".repeat(200_000)),
        "{% if a %}".repeat(50_000),
        "{% for a in a %}".repeat(20_000),
        "{% macro f() %}".repeat(20_000),
        "x".repeat(2 << 20),
        format!("{{{{ x{} }}}}", "+1".repeat(999)).repeat(200),
    ];
    for text in texts {
        refused(&text);
    }
}

#[test]
fn values_that_grow_with_every_step_are_rejected() {
    let texts = [
        doubled(60) + "{{ a60 ~ '' }}",
        doubled(60) + "{{ a60 == b60 }}",
        doubled(60) + "{{ a60 in [b60] }}",
        doubled(14) + "{% for i in range(30000) %}{% if a14 == b14 %}{% endif %}{% endfor %}",
        doubled(14) + "{% for i in range(30000) %}{% set c = [a14, b14]|sort %}{% endfor %}",
        doubled(14) + "{% for i in range(30000) %}{% set c = [a14]|select('eq', b14)|list %}{% endfor %}",
        doubled(14) + "{% for i in range(30000) %}{% set c = {a14: 1, b14: 2} %}{% endfor %}",
        again("[1]", "[ns.x, ns.x]"),
        again("[1]", "ns.x + ns.x"),
        again("{}", "dict(a=ns.x, b=ns.x)"),
        again("{}", "{'a': ns.x, 'b': ns.x}"),
        again("[1]", "ns.x|chain(ns.x)"),
        again("[1]", "(ns.x, ns.x)"),
        again("'aa'", "ns.x ~ ns.x"),
        again("'aa'", "ns.x * 2"),
        again("1", "[ns]"),
        again("1", "ns"),
        again("[1]", "[ns.x]"),
        again("[1, 2, 3]", "ns.x[1:] + [i]"),
        again("[[1, 2]]", "ns.x|map('reverse')"),
        "{% macro f(x, n) %}{% if n %}{{ f([x, x], n - 1) }}{% else %}{{ x }}{% endif %}{% endmacro %}{{ f([1], 60) }}"
            .to_owned(),
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}".to_owned(),
        "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}".to_owned(),
        "{% for x in [[1]] recursive %}{{ loop([x]) }}{% endfor %}".to_owned(),
        "{% block q %}{{ self.q() }}{% endblock %}".to_owned(),
        "{% include 'a.j2' %}".to_owned(),
    ];
    for text in texts {
        refused(&text);
    }
}

#[test]
fn a_single_filter_or_operator_cannot_exceed_the_limits() {
    let texts = [
        "{{ [1]|tojson(indent=4000000000) }}",
        "{{ [1]|tojson(4000000000) }}",
        "{{ [1]|batch(1000000000, 'x') }}",
        "{{ [1]|slice(1000000000, 'x') }}",
        "{{ range(30000)|join('x' * 10000) }}",
        "{{ ('a' * 100000)|replace('a', 'b' * 10000) }}",
        "{{ ('a\n' * 100000)|indent(10000) }}",
        "{{ '%1000000000d'|format(1) }}",
        "{{ '%.1000000000f'|format(1) }}",
        "{% set a = [1] %}{{ a * 100000000 }}",
        "{% set a = [1] %}{{ (a * 90000000)|list|length }}",
        "{{ 'a' * 90000000 }}",
        "{{ ([1] * 100000000) == ([1] * 100000000) }}",
        "{{ 2 in (((1, 2) * 30, 1) * 30, 1) * 30 }}",
        "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}",
    ];
    for text in texts {
        let failure = refused(text);
        assert!(failure.span.end > 0, "{text}: {failure:?}");
    }
}

/// Runs with a tenth of the real stack.
#[test]
fn the_deepest_templates_take_a_part_of_their_stack() {
    let most = scan::LINKS - 1;
    let ifs = |body: &str| ["{% if a %}".repeat(140), body.to_owned(), "{% endif %}".repeat(140)].concat();
    let texts = [
        format!("{{{{ {}x }}}}", "not ".repeat(most)),
        format!("{{{{ {}x }}}}", "-".repeat(most)),
        format!("{{{{ x{} }}}}", "+x".repeat(most)),
        format!("{{{{ x{} }}}}", ".a".repeat(most)),
        format!("{{{{ x{} }}}}", "()".repeat(most)),
        format!("{{% set {}a{} = 1 %}}", "(".repeat(most), ")".repeat(most)),
        ifs(&format!("{{% if a %}}{}{{% endif %}}", "{% elif a %}".repeat(scan::ELIFS))),
        "{% block q %}{{ self.q() }}{% endblock %}".to_owned(),
        "{% for x in [1] recursive %}{% block q %}{{ loop([1]) }}{% endblock %}{% endfor %}".to_owned(),
    ];
    for text in texts {
        let template = template(&text);
        scan::check(&text, &template.syntax).unwrap();
        let _ = on_a_stack_of(STACK / 8, || template.watched(values()).map_err(|error| Failure::of(&error, &text)));
    }
}
