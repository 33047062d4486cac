use super::*;
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
