//! Compares what a file selects with what its source offers.

use serde_json::Value;

use super::{Field, Inclusion, Rules, SelectionMistake, Stream};
use crate::connector::Connector;
use crate::integration::Draft;
use crate::integration::select::{
    Glob, MetadataKey, Pattern, as_metadata_key, as_pattern, breadcrumb, fault, stream_part,
};
use crate::problem::{Problems, did_you_mean, first_of};
use crate::source::{Place, Placed};
use crate::table::Node;

/// The most names that a help lists.
const LISTED: usize = 8;

/// What a draft is checked against: what its source offers in an environment, and what the integration reads of it.
#[derive(Debug, Clone, Copy)]
pub struct Against<'a> {
    /// The streams of the source.
    pub streams: &'a [Stream],
    /// The rules that select what is read.
    pub rules: &'a Rules,
    /// The environment in words, if it has to be mentioned.
    pub within: &'a str,
}

/// Finds patterns of `select` and keys of `metadata` that match nothing, or that have no effect.
pub fn check(draft: &Draft, against: Against<'_>, problems: &mut Problems) {
    for pattern in draft.select.iter().flat_map(|select| &select.value) {
        // Malformed patterns have been reported already.
        if fault(pattern).is_none() {
            against.check_pattern(pattern, problems);
        }
    }
    for (pattern, rule) in draft.metadata.iter().flat_map(|metadata| &metadata.value) {
        let pattern = Placed { value: pattern.clone(), place: rule.key.clone() };
        against.check_metadata(&pattern, problems);
        against.check_replication_key(rule, &pattern, problems);
    }
}

/// Returns the streams that a pattern matches, each with the fields that it matches; all fields if it names none.
#[must_use]
pub fn matching<'a>(streams: &'a [Stream], pattern: &Pattern) -> Vec<(&'a Stream, Vec<&'a Field>)> {
    let fields = pattern.fields();
    let is_meant = |field: &&Field| {
        let at = || breadcrumb(field.path.iter().map(String::as_str));
        fields.as_ref().is_none_or(|fields| fields.matches(&at()))
    };
    let found = streams.iter().filter(|stream| pattern.stream.matches(&stream.name));
    found.map(|stream| (stream, stream.fields.iter().filter(is_meant).collect())).collect()
}

/// Finds fields that are read and that a connector does not preserve. `place` is where the connector is chosen.
pub fn check_losses(connector: &Connector, against: Against<'_>, place: &Place, problems: &mut Problems) {
    for loss in &connector.losses {
        let fields: Vec<String> =
            against.streams.iter().flat_map(|stream| against.taken_of(stream, &loss.types)).collect();
        if !fields.is_empty() {
            let (connector, what) = (connector.head.name.clone(), loss.what.clone());
            let (fields, within) = (some(fields.into_iter()), against.within.to_owned());
            let span = place.span.clone().into();
            problems.push(&place.source, SelectionMistake::NotKept { connector, what, fields, within, span });
        }
    }
}

impl Against<'_> {
    /// Returns the fields with one of these types that are read from a stream, as patterns write them.
    fn taken_of(&self, stream: &Stream, types: &[String]) -> Vec<String> {
        let (is_taken, fields) = self.rules.take(stream);
        let is_meant = |field: &Field| field.types.iter().any(|kind| types.contains(kind));
        let taken = stream.fields.iter().zip(fields).filter(|(field, taken)| taken.is_read() && is_meant(field));
        let name = |field: &Field| format!("{}.{}", as_pattern(&stream.name), field.pattern());
        if is_taken.is_read() { taken.map(|(field, _)| name(field)).collect() } else { Vec::new() }
    }

    fn check_pattern(&self, written: &Placed<String>, problems: &mut Problems) {
        let pattern = Pattern::parse(written);
        let found = matching(self.streams, &pattern);
        let Some(mistake) = (if found.is_empty() {
            let (text, help) = (written.value.clone(), near_stream(body(written), self.streams));
            Some(SelectionMistake::NoStream {
                pattern: text,
                within: self.within.to_owned(),
                span: span(written),
                help,
            })
        } else {
            self.field_mistake(written, &pattern, &found)
        }) else {
            return;
        };
        problems.push(&written.place.source, mistake);
    }

    fn field_mistake(
        &self,
        written: &Placed<String>,
        pattern: &Pattern,
        found: &[(&Stream, Vec<&Field>)],
    ) -> Option<SelectionMistake> {
        let field = pattern.field.as_deref().filter(|field| *field != "*")?;
        let fields: Vec<&Field> = found.iter().flat_map(|(_, fields)| fields).copied().collect();
        let (text, span) = (written.value.clone(), span(written));
        let all = |inclusion| fields.iter().all(|field| field.inclusion == inclusion);
        match pattern.is_negated {
            _ if fields.is_empty() => {
                let known: Vec<String> =
                    found.iter().flat_map(|(stream, _)| &stream.fields).map(Field::pattern).collect();
                // If a tap reports no fields, nothing is known about them.
                let help = (!known.is_empty()).then(|| near(field, &known))?;
                let streams = some(found.iter().map(|(stream, _)| stream.name.clone()));
                Some(SelectionMistake::NoField { pattern: text, streams, within: self.within.to_owned(), span, help })
            }
            true if all(Inclusion::Automatic) => {
                let verb = if fields.len() == 1 { "is" } else { "are" };
                let fields = format!("{} {verb}", some(fields.iter().map(|field| field.name())));
                Some(SelectionMistake::AlwaysRead { pattern: text, fields, span })
            }
            false if all(Inclusion::Unsupported) => {
                let fields = some(fields.iter().map(|field| field.name()));
                Some(SelectionMistake::NeverRead { pattern: text, fields, span })
            }
            true | false => None,
        }
    }

    /// Checks a key of `metadata`. In these keys, Meltano gives a backslash before a dot no meaning.
    fn check_metadata(&self, key: &Placed<String>, problems: &mut Problems) {
        let glob = Glob::from(MetadataKey::parse(key).stream);
        if !self.streams.iter().any(|known| glob.matches(&known.name)) {
            let (pattern, within, help) =
                (key.value.clone(), self.within.to_owned(), near_metadata_key(key, self.streams));
            problems
                .push(&key.place.source, SelectionMistake::NoMetadataStream { pattern, within, span: span(key), help });
        }
    }

    fn check_replication_key(&self, rule: &Node, written: &Placed<String>, problems: &mut Problems) {
        let key = rule.members().and_then(|keys| keys.get("replication-key")).map(Node::value);
        let Some(key) = key.as_ref().and_then(Value::as_str) else { return };
        let glob = Glob::from(written.as_str());
        for stream in self.streams.iter().filter(|stream| glob.matches(&stream.name) && !stream.fields.is_empty()) {
            let (stream_taken, fields) = self.rules.take(stream);
            let (name, within, span) = (stream.name.clone(), self.within.to_owned(), span(written));
            let found = stream.fields.iter().zip(fields).find(|(field, _)| field.path == [key]);
            let mistake = match found {
                None => {
                    // A replication key is the name of a top-level field of the stream, not a pattern.
                    let own = stream.fields.iter().filter(|field| field.path.len() == 1);
                    let help = near(key, &own.map(Field::name).collect::<Vec<_>>());
                    SelectionMistake::NoReplicationKey { stream: name, key: key.to_owned(), within, span, help }
                }
                Some((field, taken)) if stream_taken.is_read() && !taken.is_read() => {
                    let pattern = format!("{}.{}", as_pattern(&stream.name), field.pattern());
                    SelectionMistake::ReplicationKeyLeftOut { stream: name, key: key.to_owned(), pattern, within, span }
                }
                Some(_) => continue,
            };
            problems.push(&written.place.source, mistake);
        }
    }
}

/// The help if there is no name to suggest.
const NO_STREAM: &str = "the source offers no stream at all: look at what its account may see";

/// Returns the key of `metadata` that was probably meant, or some of the keys that match.
fn near_metadata_key(written: &str, streams: &[Stream]) -> String {
    if streams.is_empty() {
        return NO_STREAM.to_owned();
    }
    let keys: Vec<String> = streams.iter().map(|stream| as_metadata_key(&stream.name)).collect();
    // A dot in a key ends the stream's name. More dots probably mean the same key with `?` for dots in the name, or
    // the key of the stream before the first dot.
    let whole = written.replace("\\.", "?").replace('.', "?");
    let stream = MetadataKey::parse(written).stream;
    match did_you_mean(&whole, keys.iter().map(String::as_str)) {
        Some(meant) if written.contains('.') && keys.contains(&whole) => {
            format!("{meant} A dot ends the name of the stream there, and `?` matches one in it")
        }
        Some(meant) => meant,
        None => near(stream, &keys),
    }
}

/// Returns the stream whose name is nearest to a word, as patterns write it, or some of the streams.
#[must_use]
pub fn near_stream(word: &str, streams: &[Stream]) -> String {
    if streams.is_empty() {
        return NO_STREAM.to_owned();
    }
    let names: Vec<String> = streams.iter().map(|stream| as_pattern(&stream.name)).collect();
    // `public.orders` may mean a single stream.
    let first = did_you_mean(stream_part(word), names.iter().map(String::as_str));
    first.unwrap_or_else(|| near(word, &names))
}

fn body(pattern: &str) -> &str {
    pattern.strip_prefix('!').unwrap_or(pattern)
}

/// Returns the name nearest to a word, or some of the names.
fn near(word: &str, names: &[String]) -> String {
    let known = || names.iter().map(String::as_str);
    let part = stream_part(word);
    let contains = || known().find(|name| part.len() > 2 && name.contains(part));
    let contained = || contains().map(|name| format!("did you mean `{name}`?"));
    did_you_mean(word, known()).or_else(contained).unwrap_or_else(|| {
        format!("choose from {}; `spile discover` shows what the source offers", some(names.iter().cloned()))
    })
}

/// Returns some of the names, in words.
fn some(names: impl Iterator<Item = String>) -> String {
    let quoted: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    first_of(&quoted, LISTED)
}

fn span(written: &Placed<String>) -> miette::SourceSpan {
    written.place.span.clone().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovered::tests::stream;
    use crate::integration::FileName;
    use crate::integration::draft;
    use crate::phrase::Phrase;
    use crate::problem::Problem;
    use crate::source::Source;

    fn draft(path: &str, text: &str) -> Draft {
        let name = FileName { slug: "shop".parse().unwrap(), environment: None };
        let mut problems = Problems::default();
        let draft = draft::read(&Source::new(path, text), name, &mut problems).unwrap();
        assert!(!problems.any_error(), "{problems:?}");
        draft
    }

    fn source() -> Vec<Stream> {
        let orders = [
            ("blob", Inclusion::Unsupported),
            ("customer", Inclusion::Available),
            ("customer.name", Inclusion::Available),
            ("id", Inclusion::Automatic),
        ];
        vec![stream("public-orders", &orders), stream("a.b", &[("x", Inclusion::Available)]), stream("bare", &[])]
    }

    /// The problems found: the place, the last word of the code, and the help.
    fn found(draft: &Draft) -> Vec<(String, String, String)> {
        let mut problems = Problems::default();
        let selected = draft.select.iter().flat_map(|select| &select.value).map(|pattern| pattern.value.clone());
        let rules = Rules::selecting(&selected.collect());
        check(draft, super::Against { streams: &source(), rules: &rules, within: "" }, &mut problems);
        let told = |problem: &Problem| {
            let place = problem.place();
            let text = place.source.text()[place.span.clone()].to_owned();
            let code = problem.code().rsplit("::").next().unwrap().to_owned();
            (format!("{} {text}", place.source.path().display()), code, problem.help().unwrap().to_string())
        };
        problems.into_report().problems().iter().map(told).collect()
    }

    /// The code and the help for one pattern.
    fn of(pattern: &str) -> Option<(String, String)> {
        let all = found(&draft("shop.toml", &format!("select = [{}]\n", serde_json::json!(pattern))));
        assert!(all.len() < 2, "{all:?}");
        all.into_iter().next().map(|(_, code, help)| (code, help))
    }

    #[test]
    fn patterns_that_match_are_not_reported() {
        for good in [
            "*.*",
            "public-orders",
            "public-orders.*",
            "public-*.customer.name",
            "public-orders.i?",
            "!public-orders.customer",
            "*.id",
            r"a\.b.x",
            "bare.anything",
        ] {
            assert_eq!(of(good), None, "{good}");
        }
    }

    #[test]
    fn a_pattern_that_matches_nothing_is_reported_with_the_nearest_name() {
        let told = |pattern: &str| of(pattern).unwrap();
        let near = |code: &str, name: &str| (code.to_owned(), format!("did you mean `{name}`?"));
        assert_eq!(told("public-order.*"), near("no_stream", "public-orders"));
        assert_eq!(told("!orders"), near("no_stream", "public-orders"));
        assert_eq!(told("public.orders"), near("no_stream", "public-orders"));
        assert_eq!(told("a.b.x").0, "no_stream");
        assert_eq!(told("public-orders.custmer"), near("no_field", "customer"));
        assert_eq!(told("!public-orders.customer.nam"), near("no_field", "customer.name"));
        let (code, help) = told("nothing.*");
        assert_eq!(code, "no_stream");
        assert!(help.starts_with(r"choose from `public-orders`, `a\.b`, `bare`; `spile discover` shows"), "{help}");
    }

    /// Puts what a hint suggests in the place of what was written: it has to match.
    #[test]
    fn a_hint_suggests_something_new_that_matches() {
        let streams = [
            stream("main.orders", &[("id", Inclusion::Available)]),
            Stream {
                fields: vec![super::Field {
                    path: vec!["e.mail".to_owned()],
                    types: Vec::new(),
                    inclusion: Inclusion::Available,
                }],
                ..Stream::named("public-orders")
            },
        ];
        let told = |text: &str| {
            let draft = draft("shop.toml", text);
            let rules = Rules::selecting(&[].into());
            let mut problems = Problems::default();
            check(&draft, super::Against { streams: &streams, rules: &rules, within: "" }, &mut problems);
            problems.into_report().problems().iter().filter_map(Problem::help).collect::<Vec<_>>()
        };
        for (written, key) in [
            (r"[metadata.'main\.orders']", "main?orders"),
            ("[metadata.'main.orders']", "main?orders"),
            (r"[metadata.'main\.order']", "main?orders"),
            ("[metadata.orders]", "main?orders"),
            ("select = ['!public-orders.e.mail']", "e?mail"),
            (r"select = ['public-orders.e\.mail']", "e?mail"),
            ("select = ['main.orders.id']", r"main\.orders"),
        ] {
            let said = told(&format!("{written}\n"));
            assert_eq!(said.len(), 1, "{written}: {said:?}");
            let proposed = said[0].names().next().unwrap();
            assert_eq!(proposed, key, "{written}");
            assert!(!written.contains(&format!("'{key}'")), "{written}");
        }
        for good in ["[metadata.'main?orders']", r"select = ['main\.orders.id', '!public-orders.e?mail']"] {
            assert_eq!(told(&format!("{good}\n")), [], "{good}");
        }
    }

    #[test]
    fn a_pattern_that_changes_nothing_is_a_warning() {
        assert_eq!(of("!public-orders.id").unwrap().0, "always_read");
        assert_eq!(of("public-orders.blob").unwrap().0, "never_read");
        assert_eq!(of("public-orders.id"), None);
        assert_eq!(of("!public-orders.*"), None);
    }

    #[test]
    fn a_replication_key_has_to_be_a_field_that_is_read() {
        let with = |select: &str, key: &str| {
            let metadata =
                format!("[metadata.'public-*']\nreplication-method = 'INCREMENTAL'\nreplication-key = '{key}'\n");
            found(&draft("shop.toml", &format!("select = ['{select}']\n{metadata}")))
        };
        assert_eq!(with("*.*", "customer"), []);
        assert_eq!(with("public-orders.id", "id"), []);
        assert_eq!(with("bare", "customer"), [], "nothing of the stream is read");
        let told =
            |place: &str, code: &str, help: &str| [(format!("shop.toml {place}"), code.to_owned(), help.to_owned())];
        assert_eq!(with("*.*", "custmer"), told("'public-*'", "no_replication_key", "did you mean `customer`?"));
        let nested = with("*.*", "customer.name");
        assert_eq!(
            nested,
            told("'public-*'", "no_replication_key", "did you mean `customer`?"),
            "it is no field itself"
        );
        let help = "add `public-orders.customer` to `select`: \
                    a tap that does not read its replication key may fail, or read everything";
        assert_eq!(with("public-orders.id", "customer"), told("'public-*'", "replication_key_left_out", help));
    }

    #[test]
    fn each_problem_is_in_the_file_that_causes_it() {
        let base = draft(
            "shop.toml",
            "select = ['ordrs.*']\n[metadata.public-ordrs]\nreplication-method = 'FULL_TABLE'\n[metadata.\"bare\"]\n",
        );
        let over = draft(
            "shop.prod.toml",
            "select = ['bar']\n[metadata.'public-orders.id']\nselected = true\n[metadata.bear]\n",
        );
        let told = |draft: &Draft| found(draft).into_iter().map(|(place, code, _)| (place, code)).collect::<Vec<_>>();
        let said = |place: &str, code: &str| (place.to_owned(), code.to_owned());
        assert_eq!(
            told(&base),
            [said("shop.toml 'ordrs.*'", "no_stream"), said("shop.toml public-ordrs", "no_metadata_stream")]
        );
        assert_eq!(
            told(&base.overlaid(&over)),
            [
                said("shop.prod.toml 'bar'", "no_stream"),
                said("shop.prod.toml bear", "no_metadata_stream"),
                said("shop.toml public-ordrs", "no_metadata_stream"),
            ]
        );
    }

    #[test]
    fn patterns_without_effect_are_reported_with_their_fields() {
        let message = |pattern: &str| {
            let draft = draft("shop.toml", &format!("select = ['{pattern}']\n"));
            let mut streams = source();
            streams.push(stream("log", &[("at", Inclusion::Automatic), ("by", Inclusion::Automatic)]));
            let rules = Rules::selecting(&[].into());
            let mut problems = Problems::default();
            check(&draft, super::Against { streams: &streams, rules: &rules, within: " in `prod`" }, &mut problems);
            problems.into_report().problems().iter().map(Problem::message).collect::<Vec<_>>()
        };
        for (pattern, told) in [
            ("!public-orders.id", "`!public-orders.id` has no effect: `id` is always read with the stream"),
            ("!log.?[ty]", "`!log.?[ty]` has no effect: `at`, `by` are always read with the stream"),
            ("public-orders.blob", "`public-orders.blob` has no effect: the tap cannot read `blob`"),
            ("*.c", "no field of `public-orders`, `a.b`, `bare`, `log` in `prod` matches `*.c`"),
        ] {
            assert_eq!(message(pattern), [Phrase::parse(told)]);
        }
    }

    #[test]
    fn fields_that_a_loader_loses_are_reported_where_it_is_chosen() {
        let text = "kind = 'loader'\nplugin = { name = 'target-x', namespace = 'x' }\n\
                    losses = [{ types = ['object'], what = 'flattens' }, { what = 'forgets' }]\n";
        let loader = crate::connector::read::connector(&Source::new("x.toml", text), &mut Problems::default()).unwrap();
        let mut streams = source();
        for (at, kind) in [(1, "object"), (3, "string")] {
            streams[0].fields[at].types.push(kind.to_owned());
        }
        let draft = draft("shop.toml", "loader = 'lake'\n");
        let place = &draft.loader.as_ref().unwrap().place;
        let told = |selected: &str| {
            let rules = Rules::selecting(&[selected.to_owned()].into());
            let mut problems = Problems::default();
            let against = super::Against { streams: &streams, rules: &rules, within: "" };
            check_losses(&loader, against, place, &mut problems);
            assert!(!problems.any_error());
            problems.into_report().problems().iter().map(Problem::message).collect::<Vec<_>>()
        };
        assert_eq!(told("*.*"), [Phrase::parse("`x` flattens: `public-orders.customer`")]);
        assert_eq!(told("public-orders.id"), [], "unread fields are not lost");
    }

    #[test]
    fn no_more_than_eight_names_are_listed() {
        let names = |count: usize| (1..=count).map(|number| format!("n{number}")).collect::<Vec<_>>();
        let eight = "`n1`, `n2`, `n3`, `n4`, `n5`, `n6`, `n7`, `n8`";
        for (count, listed) in
            [(2, "`n1`, `n2`".to_owned()), (8, eight.to_owned()), (10, format!("{eight} and 2 more"))]
        {
            assert_eq!(some(names(count).into_iter()), listed);
            let help = format!("choose from {listed}; `spile discover` shows what the source offers");
            assert_eq!(super::near("other", &names(count)), help);
        }
    }

    #[test]
    fn a_word_of_three_letters_or_more_suggests_names_that_contain_it() {
        let near = |word: &str| super::near(word, &["customer_address".to_owned()]);
        assert_eq!(near("add"), "did you mean `customer_address`?");
        assert!(near("ad").starts_with("choose from `customer_address`; "));
    }
}
