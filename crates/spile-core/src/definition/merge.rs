//! Merges a newer definition into the connector that was made from an older one.

use crate::connector::pip::is_pinned;
use crate::connector::{Connector, RangeSettings};

/// Returns the connector of the newer definition. Keeps from the older one what no definition can express, and what was
/// made stricter by hand. Adds a note for everything that was kept against the newer one.
#[must_use]
pub fn merge(older: &Connector, newer: Connector) -> (Connector, Vec<String>) {
    let mut notes = Vec::new();
    let mut merged = newer;
    merged.head.name.clone_from(&older.head.name);
    merged.one_group = older.one_group;
    merged.losses.clone_from(&older.losses);
    merged.naming.clone_from(&older.naming);
    merged.quota = older.quota;
    let has = |name: &String| merged.setting(name).is_some();
    let limits = |range: &RangeSettings| range.start.iter().chain(&range.end).chain(&range.clauses).all(has);
    let range = older.range.as_ref().filter(|range| limits(range)).cloned();
    let reset = older.reset.as_ref().filter(|reset| reset.settings.keys().chain(reset.needs.keys()).all(has)).cloned();
    merged.range = range.or(merged.range);
    merged.reset = reset.or(merged.reset);
    let oauth = older.oauth.as_ref().filter(|oauth| oauth.settings().all(|name| merged.setting(name).is_some()));
    merged.oauth = oauth.cloned().or(merged.oauth);
    merged.own_streams = older.own_streams;
    merged.parallel = older.parallel;
    if older.head.category.is_some() {
        merged.head.category.clone_from(&older.head.category);
    }
    if older.head.logo.as_ref().is_some_and(|logo| !logo.contains("://")) {
        merged.head.logo.clone_from(&older.head.logo);
    }
    for (kept, new) in [(&older.select, &mut merged.select), (&older.head.keywords, &mut merged.head.keywords)] {
        if new.is_empty() {
            new.clone_from(kept);
        }
    }
    if merged.metadata.is_empty() {
        merged.metadata.clone_from(&older.metadata);
    }
    let (pinned, open) = (&older.plugin.pip_url, &merged.plugin.pip_url);
    if is_pinned(pinned) && !is_pinned(open) && !pinned.is_empty() {
        notes.push(format!("`pip_url` stays `{pinned}`: the definition pins no version (`{open}`)"));
        merged.plugin.pip_url.clone_from(pinned);
    }
    for setting in &mut merged.settings {
        let Some(known) = older.setting(&setting.name) else { continue };
        setting.resync = known.resync;
        setting.advanced |= known.advanced;
        setting.is_own = known.is_own;
        setting.hosts.clone_from(&known.hosts);
        if known.required && !setting.required {
            notes.push(format!("`{}` stays required, although the definition does not require it", setting.name));
            setting.required = true;
        }
        if known.is_open {
            if setting.secret {
                notes.push(format!(
                    "`{}` stays in plain text (`secret = false`), although the definition marks it as a secret",
                    setting.name
                ));
            }
            (setting.secret, setting.is_open) = (false, true);
        }
        if known.secret && !setting.secret {
            notes.push(format!("`{}` stays a secret, although the definition does not mark it as one", setting.name));
            (setting.secret, setting.is_open) = (true, false);
        }
    }
    let of_spile = older.settings.iter().filter(|setting| setting.is_own);
    let of_spile: Vec<_> = of_spile.filter(|setting| merged.setting(&setting.name).is_none()).cloned().collect();
    merged.settings.extend(of_spile);
    (merged, notes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::read;
    use crate::problem::Problems;
    use crate::source::Source;

    fn connector(text: &str) -> Connector {
        let mut problems = Problems::default();
        let text = format!("{text}\n[plugin]\nname = 'tap-x'\nnamespace = 'tap_x'\n");
        read::connector(&Source::new("connectors/x.toml", text), &mut problems).unwrap()
    }

    #[test]
    fn what_definitions_cannot_express_is_kept() {
        let older = connector(
            "category = 'Own'\nlogo = 'x.svg'\nselect = ['a.*']\none_group = true\n\
             settings = [{name = 'a', resync = true, secret = true, required = true, hosts = ['x.com']}, {name = 'gone'}, \
             {name = 'own', plugin = false}]",
        );
        let newer = connector("name = 'y'\ncategory = 'APIs'\nlabel = 'X'\nsettings = [{name = 'a'}, {name = 'b'}]");
        let (merged, notes) = merge(&older, newer);
        assert_eq!(
            (merged.head.name.as_str(), merged.head.category.as_deref(), merged.head.label.as_str()),
            ("x", Some("Own"), "X")
        );
        assert_eq!((merged.head.logo.as_deref(), merged.one_group, merged.select.len()), (Some("x.svg"), true, 1));
        let a = merged.setting("a").unwrap();
        assert!(a.resync && a.secret && a.required && a.hosts == ["x.com"]);
        assert!(merged.setting("own").unwrap().is_own);
        assert!(merged.setting("b").is_some() && merged.setting("gone").is_none());
        assert_eq!(notes.len(), 2, "{notes:?}");
    }

    #[test]
    fn a_setting_that_was_declared_not_secret_stays_so_in_newer_definitions() {
        let older =
            connector("settings = [{name = 'api_key', secret = false}, {name = 'b', secret = false}, {name = 'pin'}]");
        let newer =
            connector("settings = [{name = 'api_key'}, {name = 'b', secret = true}, {name = 'pin', secret = true}]");
        let (merged, notes) = merge(&older, newer);
        let marks: Vec<_> = merged.settings.iter().map(|one| (one.secret, one.is_open)).collect();
        assert_eq!((marks, notes.len()), (vec![(false, true), (false, true), (true, false)], 2));
    }

    #[test]
    fn a_pin_is_only_replaced_by_another_pin() {
        let with = |pip_url: &str| {
            let mut one = connector("");
            pip_url.clone_into(&mut one.plugin.pip_url);
            one
        };
        let after = |older, newer| merge(&with(older), with(newer)).0.plugin.pip_url;
        assert_eq!(after("tap-x==1.0", "tap-x"), "tap-x==1.0");
        assert_eq!(after("tap-x==1.0", "tap-x==2.0"), "tap-x==2.0");
        assert_eq!(after("tap-x", "tap-x~=2.0"), "tap-x~=2.0");
        assert_eq!(after("", "tap-x"), "tap-x");
    }

    #[test]
    fn a_range_stays_as_long_as_its_settings_exist() {
        let older = connector("settings = [{name = 'a'}]\nrange = {end = 'a'}");
        let after = |newer: &str| merge(&older, connector(newer)).0.range;
        assert_eq!(after("settings = [{name = 'a'}]"), older.range);
        assert_eq!(after("settings = [{name = 'b'}]"), None);
    }

    #[test]
    fn a_sign_in_stays_as_long_as_its_settings_exist() {
        let older = connector(
            "settings = [{name = 'id'}, {name = 'token'}]\n[oauth]\nauthorize_url = 'https://x.example/a'\n\
             token_url = 'https://x.example/t'\nclient_id = 'id'\nrefresh_token = 'token'",
        );
        let after = |newer: &str| merge(&older, connector(newer)).0.oauth;
        assert!(older.oauth.is_some());
        assert_eq!(after("settings = [{name = 'token'}, {name = 'id'}]"), older.oauth);
        assert_eq!(after("settings = [{name = 'id'}]"), None);
    }

    #[test]
    fn advanced_settings_stay_advanced() {
        let older = connector("settings = [{name = 'a', advanced = true}, {name = 'b'}, {name = 'c'}]");
        let newer = connector("settings = [{name = 'a'}, {name = 'b', advanced = true}, {name = 'c'}]");
        let (merged, notes) = merge(&older, newer);
        let advanced: Vec<_> = merged.settings.iter().map(|setting| setting.advanced).collect();
        assert_eq!((advanced, notes), (vec![true, true, false], Vec::new()));
    }
}
