use super::*;
use crate::settings;
use crate::source::Source;

const HEAD: &str = "[project]\nname = 'acme'\n";

fn read(text: &str) -> (Option<settings::ProjectSettings>, Vec<String>) {
    let mut problems = Problems::default();
    let settings = settings::read(&Source::new("spile.toml", format!("{HEAD}{text}")), &mut problems);
    let report = problems.into_report();
    (settings, report.problems().iter().map(|problem| format!("{problem:?}")).collect())
}

#[test]
fn a_minimal_channel_gets_everything_once_a_day() {
    let (settings, problems) = read("[[notify]]\nname = 'a'\nkind = 'slack'\nurl = '${URL}'\n");
    assert_eq!(problems, Vec::<String>::new());
    let channel = &settings.unwrap().notify[0];
    assert_eq!((channel.on.len(), channel.repeat, channel.most_per_hour), (6, Some(REPEAT), 20));
    assert_eq!(channel.sender.word(), "slack");
}

#[test]
fn a_channel_sets_what_it_gets_and_how_often() {
    let text = "[[notify]]\nname = 'a'\nkind = 'desktop'\non = ['stale']\nrepeat = '7d'\nmost_per_hour = 3\n\
                [[notify]]\nname = 'b'\nkind = 'desktop'\nrepeat = 'never'\nonly = ['#crm']\n";
    let (settings, problems) = read(text);
    assert_eq!(problems, Vec::<String>::new());
    let [a, b] = &settings.unwrap().notify[..] else { panic!("there are two") };
    assert_eq!((a.on.clone(), a.most_per_hour), ([AlertKind::Stale].into(), 3));
    assert_eq!((a.repeat, b.repeat), (Some(Duration::from_hours(168)), None));
    assert_eq!(b.only[0].value, "#crm");
}

#[test]
fn secrets_of_a_channel_are_rejected_in_the_file() {
    let text = "[[notify]]\nname = 'a'\nkind = 'slack'\nurl = 'https://hooks.slack.com/services/T0/B0/hunter2'\n\
                [[notify]]\nname = 'b'\nkind = 'webhook'\nurl = 'https://x.webhook.office.com/a'\nsecret = 'hunter2'\n\
                [[notify]]\nname = 'c'\nkind = 'webhook'\nurl = 'https://ops.example.com/?token=hunter2'\n\
                [[notify]]\nname = 'd'\nkind = 'email'\nserver = 'smtps://u:hunter2@h'\npassword = 'hunter2'\n\
                from = 'a@b.c'\nto = ['a@b.c']\n\
                [[notify]]\nname = 'e'\nkind = 'webhook'\nurl = 'https://hunter2@ops.example.com/'\n\
                [[notify]]\nname = 'f'\nkind = 'webhook'\nurl = 'https://:hunter2@ops.example.com/'\n";
    let found = read(text).1;
    assert_eq!(found.len(), 8, "{found:#?}");
    assert!(found.iter().all(|one| one.ends_with("[spile::notify::literal_secret]")), "{found:#?}");
    assert!(!found.concat().contains("hunter2"), "{found:#?}");
}

#[test]
fn a_public_address_is_accepted() {
    let text = "[[notify]]\nname = 'a'\nkind = 'webhook'\nurl = 'https://ops.example.com/hook'\nsecret = '${S}'\n";
    assert_eq!(read(text).1, Vec::<String>::new());
}

#[test]
fn a_mail_server_is_an_smtp_address_with_a_host_and_maybe_a_user() {
    let found = |server: &str| {
        let head = "[[notify]]\nname = 'a'\nkind = 'email'\npassword = '${P}'\nfrom = 'a@b.c'\nto = ['a@b.c']\n";
        read(&format!("{head}server = '{server}'\n")).1
    };
    for good in ["smtps://user@smtp.example.com:465", "smtp://smtp.example.com", "${SERVER}"] {
        assert_eq!(found(good), Vec::<String>::new(), "{good}");
    }
    for bad in ["https://smtp.example.com", "smtp:example", "smtp.example.com"] {
        assert_eq!(found(bad), ["spile.toml:9: `server` is not a valid mail server [spile::notify::server]"], "{bad}");
    }
}

#[test]
fn every_mistake_of_a_channel_is_reported() {
    let text = "[[notify]]\nname = 'A b'\nkind = 'pager'\n\
                [[notify]]\nkind = 'desktop'\non = ['failed']\nrepeat = 'often'\nmost_per_hour = 0\nurl = 'x'\n\
                [[notify]]\nname = 'c'\nkind = 'email'\nserver = 'example.com'\nfrom = 'nobody'\nto = []\n\
                [[notify]]\nname = 'c'\nkind = 'webhook'\nurl = 'ops.example.com'\n\
                [environments.dev]\nnotify = ['d']\n[environments.prod]\nnotify = ['cc']\n";
    let found = read(text).1;
    assert_eq!(
        found,
        [
            "spile.toml:4: `name`: `A b` is not a valid name: use lowercase letters, digits, and dashes, starting with a letter or digit [spile::toml::invalid]",
            "spile.toml:5: `kind`: `pager` is not a known value [spile::toml::invalid]",
            "spile.toml:6: `name` is missing [spile::toml::missing_key]",
            "spile.toml:8: `on`: `failed` is not a kind of notification [spile::toml::invalid]",
            "spile.toml:9: `repeat`: `often` is not a duration of at least a minute [spile::toml::invalid]",
            "spile.toml:10: `most_per_hour` is 0, not a whole number of at least 1 [spile::toml::wrong_kind]",
            "spile.toml:11: unknown key `url` [spile::toml::unknown_key]",
            "spile.toml:15: `server` is not a valid mail server [spile::notify::server]",
            "spile.toml:16: `nobody` is not an email address: invalid input [spile::notify::address]",
            "spile.toml:17: this email has no recipients [spile::notify::nobody]",
            "spile.toml:19: two channels are named `c` [spile::notify::twice]",
            "spile.toml:21: `url` is not a valid webhook address [spile::notify::url]",
            "spile.toml:23: there is no channel `d` [spile::notify::unknown]",
            "spile.toml:25: there is no channel `cc` [spile::notify::unknown]",
        ]
    );
}

#[test]
fn an_environment_names_the_channels_for_its_notifications() {
    let text = "[[notify]]\nname = 'a'\nkind = 'desktop'\n[[notify]]\nname = 'b'\nkind = 'desktop'\n\
                [environments.dev]\nnotify = []\n[environments.prod]\nnotify = ['b']\n[environments.test]\n";
    let (settings, problems) = read(text);
    assert_eq!(problems, Vec::<String>::new());
    let settings = settings.unwrap();
    let told = |environment: &str| -> Vec<String> {
        let environment = environment.parse().unwrap();
        settings.channels_of(&environment).iter().map(|channel| channel.name.to_string()).collect()
    };
    assert_eq!((told("dev"), told("prod"), told("test")), (vec![], vec!["b".into()], vec!["a".into(), "b".into()]));
}
