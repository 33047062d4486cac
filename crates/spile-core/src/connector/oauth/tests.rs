use super::*;
use crate::connector::builtin;
use crate::connector::read::connector;
use crate::source::Source;
use serde_json::json;

const SETTINGS: &str = "[plugin]\nname = 'tap-x'\nnamespace = 'tap_x'\n[[settings]]\nname = 'id'\n[[settings]]\n\
                        name = 'token'\n[[settings]]\nname = 'shop'\n[[settings]]\nname = 'sandbox'\nkind = 'boolean'\n\
                        default = false\n";

fn read(oauth: &str) -> (Option<Connector>, Vec<String>) {
    let mut problems = Problems::default();
    let text = format!("{SETTINGS}[oauth]\n{oauth}");
    let connector = connector(&Source::new("connectors/x.toml", text), &mut problems);
    let found = problems.into_report().problems().iter().map(|problem| format!("{problem:?}")).collect();
    (connector, found)
}

const WHOLE: &str = "authorize_url = 'https://{shop}.example.com/a'\ntoken_url = 'https://{sandbox}.example.com/t'\n\
                     client_id = 'id'\nrefresh_token = 'token'\nscopes = ['a', 'b']\nscope_separator = ','\npkce = false\n\
                     client_auth = 'basic'\nredirect_host = 'localhost'\nredirect_port = 8477\n\
                     parameters = { access_type = 'offline' }\nvalues.sandbox = { false = 'login', true = 'test' }\n";

#[test]
fn a_definition_says_how_to_sign_in() {
    let (connector, found) = read(WHOLE);
    assert_eq!(found, Vec::<String>::new());
    let connector = connector.unwrap();
    let oauth = connector.oauth.as_ref().unwrap();
    assert_eq!((oauth.scope().as_deref(), oauth.pkce, oauth.redirect_port), (Some("a,b"), false, Some(8477)));
}

#[test]
fn settings_fill_addresses_by_their_value_their_default_or_the_word_for_it() {
    let connector = read(WHOLE).0.unwrap();
    let oauth = connector.oauth.as_ref().unwrap();
    let at = |settings: serde_json::Value| {
        let settings: Settings = settings.as_object().unwrap().clone().into_iter().collect();
        oauth.endpoints(&connector, &settings)
    };
    let of = at(json!({ "shop": "acme" })).unwrap();
    assert_eq!(
        (of.authorize.as_str(), of.token.as_str()),
        ("https://acme.example.com/a", "https://login.example.com/t")
    );
    let sandbox = at(json!({ "shop": "acme", "sandbox": true })).unwrap();
    assert_eq!(sandbox.token.as_str(), "https://test.example.com/t");
    assert_eq!(at(json!({})), Err(NoAddress::Unset("shop".to_owned())));
    for elsewhere in ["evil.example/", "evil.example#", "a@evil", "a:b", "..", "$SHOP", "a b"] {
        assert_eq!(at(json!({ "shop": elsewhere })), Err(NoAddress::Unfit("shop".to_owned())), "{elsewhere}");
    }
}

#[test]
fn an_address_leads_to_its_provider_only_if_its_domain_is_fixed() {
    let leads = |text: &str| text.parse::<AddressTemplate>().unwrap().names_the_provider();
    for fixed in ["https://example.com/{tenant}/t", "https://{shop}.example.com/t", "https://a.{b}.example.com"] {
        assert!(leads(fixed), "{fixed}");
    }
    for open in ["{url}/t", "https://{host}/t", "https://{host}.com/t", "https://x{host}example.com/t"] {
        assert!(!leads(open), "{open}");
    }
    for none in ["", "http://example.com", "https://u@h/t", "https://h/t#x", "https://{", "https://{}/", "ftp://h"] {
        assert_eq!(none.parse::<AddressTemplate>(), Err(address::NotAnAddress), "{none}");
    }
}

#[test]
fn a_setting_can_be_the_beginning_of_an_address() {
    let template: AddressTemplate = "{url}/t".parse().unwrap();
    let fill = |url: &str| template.fill(|_| Some(url.to_owned())).map(|url| url.to_string());
    assert_eq!(fill("https://gitlab.example/").as_deref(), Ok("https://gitlab.example/t"));
    for unfit in ["gitlab.example", "http://gitlab.example", "https://u:p@h", "file:///etc"] {
        assert_eq!(fill(unfit), Err(NoAddress::Unfit("url".to_owned())), "{unfit}");
    }
}

#[test]
fn every_mistake_in_the_table_is_reported() {
    let (connector, found) = read(
        "authorize_url = 'http://x.example/a'\ntoken_url = 'https://{shp}.x.example/t'\nclient_id = 'idd'\n\
         refresh_token = 'token'\naccess_token = 'token'\n",
    );
    assert!(connector.unwrap().oauth.is_none());
    assert_eq!(
        found,
        [
            "connectors/x.toml:14: `[oauth]` does not name exactly one setting for the token [spile::connector::oauth_token]",
            "connectors/x.toml:15: `authorize_url` of `[oauth]` is not an `https` address [spile::connector::oauth_address]",
            "connectors/x.toml:16: `token_url` of `[oauth]` refers to unknown setting `shp` [spile::connector::oauth_setting]",
            "connectors/x.toml:17: `client_id` of `[oauth]` refers to unknown setting `idd` [spile::connector::oauth_setting]",
        ]
    );
}

#[test]
fn a_built_in_connector_takes_its_token_in_a_secret() {
    let mut with_a_sign_in = 0;
    for (role, name, _) in builtin::DEFINITIONS {
        let connector = crate::connector::Catalog::built_in(role, name).unwrap();
        let Some(oauth) = &connector.oauth else { continue };
        with_a_sign_in += 1;
        let secret = |name: &str| connector.setting(name).is_some_and(|setting| setting.secret);
        assert!(secret(oauth.token.name()), "{name}");
        assert!(oauth.client_secret.as_deref().is_none_or(secret), "{name}");
    }
    assert!(with_a_sign_in > 0);
}
