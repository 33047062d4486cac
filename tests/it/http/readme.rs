//! The body that README sends to the API.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::Server;
use super::api::{project, told};

#[tokio::test]
async fn salesforce_is_connected_by_the_body_in_the_readme() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let body = readme.split("-d '").nth(1).and_then(|rest| rest.split('\'').next()).unwrap().to_owned();
    let sent: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        sent,
        json!({
            "type": "salesforce",
            "name": "My Salesforce Connector",
            "config": {"instance_url": "https://acme.my.salesforce.com", "start_date": "2024-01-01"},
            "secrets": {"client_id": "..", "client_secret": "..", "refresh_token": ".."},
        })
    );
    let folder = project();
    let server = Server::of_folder(&folder, &[]);
    let request = server.ask(Method::POST, "/api/integrations").header("content-type", "application/json").body(body);
    let made = super::json(request, StatusCode::CREATED).await;
    assert_eq!(made["slug"], "my-salesforce-connector");
    assert_eq!(made["config"]["instance_url"], sent["config"]["instance_url"]);
    assert_eq!(made["config"]["start_date"], "2024-01-01T00:00:00Z", "a date is its midnight");
    let secrets = made["secrets"].as_object().unwrap();
    assert_eq!(secrets.keys().collect::<Vec<_>>(), ["client_id", "client_secret", "refresh_token"]);
    let text = folder.read("integrations/my-salesforce-connector.toml");
    assert!(text.contains("\nstart_date = 2024-01-01\n") && text.contains("client_id = \"ENC["), "{text}");
    assert!(!text.contains("api_type"), "the default is not written: {text}");
    // What a client read, it may send back; a date that is written differently changes nothing.
    let back = json!({"config": {"instance_url": "https://acme.my.salesforce.com", "start_date": "2024-01-01"}});
    server.send(Method::PUT, "/api/integrations/my-salesforce-connector", &back, StatusCode::OK).await;
    assert_eq!(folder.read("integrations/my-salesforce-connector.toml"), text);
    folder.spile("apply --yes").exits(0);
    let meltano = folder.read("meltano.yml");
    assert!(meltano.contains("2024-01-01T00:00:00Z") && meltano.contains("value: REST"), "{meltano}");
    assert!(!meltano.contains("instance_url"), "the tap does not have it: {meltano}");
    folder.spile("plan --exit-code").exits(0);
    for (address, code) in [
        ("http://acme.my.salesforce.com", "spile::settings::wrong_kind"),
        ("https://acme.my.salesforce.com.evil.com", "spile::settings::wrong_kind"),
    ] {
        let mut wrong = sent.clone();
        (wrong["slug"], wrong["config"]["instance_url"]) = (json!("wrong"), json!(address));
        let refusal = server.send(Method::POST, "/api/integrations", &wrong, StatusCode::UNPROCESSABLE_ENTITY).await;
        assert_eq!(told(&refusal), [(code, "config.instance_url")], "{refusal}");
        assert!(refusal.to_string().contains("https://example.my.salesforce.com"), "{refusal}");
    }
}
