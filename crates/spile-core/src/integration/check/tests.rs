use super::*;
use crate::integration::tests::integrations;
use crate::source::Source;

#[test]
fn the_name_of_a_plugin_is_safe_in_paths_state_ids_and_tasks() {
    let checked = |name: &str| {
        let mut problems = Problems::default();
        let place = Source::new("integrations/shop.toml", name).start();
        let taken = plugin(&Placed { value: name.to_owned(), place }, &mut problems);
        (taken, problems.any_error())
    };
    for name in ["tap-shop", "tap_shop.v2--eu", "Tap", "étoile", "x"] {
        assert_eq!(checked(name), (Some(name.to_owned()), false), "{name:?}");
    }
    for name in ["", ".", ".hidden", "tap shop", "tap\u{a0}shop", "tap\u{7}", "a/b", "a\\b", "dev:tap", " tap"] {
        assert_eq!(checked(name), (None, true), "{name:?}");
    }
}

#[test]
fn a_value_is_a_reference_only_if_it_contains_nothing_else() {
    for name in ["$A", "${A}", "$SHOP_KEY_2", "${SHOP_KEY_2}"] {
        assert!(settings::is_reference(name), "{name}");
    }
    for other in ["", "A", "$", "${}", "$a", "$Ab", "$_A", "$2A", "$A-B", "${A", "$A}", "x$A", "${A}x"] {
        assert!(!settings::is_reference(other), "{other}");
    }
}

#[test]
fn some_connectors_take_exactly_one_group() {
    let problems = |config: &str| integrations(&[("shop", &format!("type = 'github'\n[config]\n{config}"))]).1;
    assert_eq!(problems("repositories = ['a/b']\n"), Vec::<String>::new());
    for (config, code) in [
        ("", "[spile::settings::group]"),
        ("repositories = ['a/b']\norganizations = ['a']\n", "[spile::settings::one_group]"),
        ("repositories = ['a/b']\norganizations = ['a']\nuser_ids = ['1']\n", "[spile::settings::one_group]"),
    ] {
        let found = problems(config);
        assert!(found.len() == 1 && found[0].ends_with(code), "{found:?}");
    }
}

#[test]
fn a_pattern_that_another_one_cancels_is_a_warning_with_both_places() {
    let problems = |select: &str| integrations(&[("shop", &format!("type = 'postgres'\n{select}"))]).1;
    let told = problems("select = ['!a.*', 'a.id', 'b.*', '!b.x']\n");
    assert!(
        told.iter().any(|one| one.contains("`a.id` selects nothing, because `!a.*` excludes all of it")),
        "{told:?}"
    );
    assert!(!told.iter().any(|one| one.contains("`b.*`")), "{told:?}");
    let mut found = Problems::default();
    let text = "x = ['!a.*', 'a.id']";
    let source = Source::new("integrations/shop.toml", text);
    let placed =
        |at: std::ops::Range<usize>| Placed { value: text[at.clone()].replace('\'', ""), place: source.place(at) };
    canceled(&[placed(5..11), placed(13..19)], &mut found);
    assert!(!found.any_error());
    let report = found.into_report();
    let labels = report.problems()[0].finding().labels().unwrap().map(|label| label.offset());
    assert_eq!(labels.collect::<Vec<_>>(), [13, 5]);
}

#[test]
fn a_refresh_token_without_an_age_recipient_is_a_warning() {
    let secret = "ENC[AES256_GCM,data:Zm9v,iv:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,tag:AAAAAAAAAAAAAAAAAAAAAA==,type:str]";
    let problems = |recipient: &str| {
        let text = format!(
            "type = 'asana'\n[secrets]\nrefresh_token = '{secret}'\nclient_secret = '{secret}'\n[sops]\n\
             lastmodified = '2026-11-30T00:00:00Z'\nmac = '{secret}'\nencrypted_regex = '^secrets$'\n\
             mac_only_encrypted = true\nversion = '3.11.0'\n{recipient}"
        );
        integrations(&[("tasks", &text)]).1
    };
    let kms = "[[sops.kms]]\narn = 'arn:aws:kms:eu-1:1:key/1'\ncreated_at = '2026-11-30T00:00:00Z'\nenc = 'Zm9v'\n";
    let age = "[[sops.age]]\nrecipient = 'age1x'\nenc = 'x'\n";
    let is_told = |problem: &String| problem.contains("`refresh_token` could not be kept");
    assert_eq!(problems(kms).iter().filter(|one| is_told(one)).count(), 1, "{:?}", problems(kms));
    assert!(!problems(&format!("{kms}{age}")).iter().any(is_told));
}
