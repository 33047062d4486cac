//! Tokens of an OpenID Connect provider: a test key, with its public half served over HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{Server, filled};
use crate::folder::Folder;

/// A key made for these tests only: the PKCS #8 of an Ed25519 key, and its public half.
const PRIVATE: &str = "MC4CAQAwBQYDK2VwBCIEIIpL3vQDccTCiGt/GCRhy9O5lelkvkb51oDDD+O9PlwT";
const PUBLIC: &str = "56Uc865vEt53hLnR-OFpvFde3CLmp6u9MFnxMCqQEsk";

/// Serves the public key until the test ends.
struct Provider {
    address: String,
    asked: Arc<AtomicUsize>,
    is_well: Arc<AtomicBool>,
    /// Whether the provider accepts requests without answering them.
    hangs: Arc<AtomicBool>,
}

impl Provider {
    async fn start() -> Self {
        Self::with(&[json!({ "alg": "EdDSA", "use": "sig", "kid": "k1" })]).await
    }

    /// Serves the one key under several descriptions.
    async fn with(described: &[Value]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (asked, is_well) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(true)));
        let hangs = Arc::new(AtomicBool::new(false));
        let (counted, well, hanging) = (asked.clone(), is_well.clone(), hangs.clone());
        let key = |about: &Value| {
            let mut key = json!({ "kty": "OKP", "crv": "Ed25519", "x": PUBLIC });
            key.as_object_mut().unwrap().extend(about.as_object().unwrap().clone());
            key
        };
        let body = json!({ "keys": described.iter().map(key).collect::<Vec<_>>() }).to_string();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                if hanging.load(Ordering::SeqCst) {
                    tokio::spawn(async move {
                        tokio::time::sleep(std::time::Duration::from_mins(1)).await;
                        drop(stream);
                    });
                    continue;
                }
                let mut request = [0; 2048];
                let _ = stream.read(&mut request).await;
                let head = if well.load(Ordering::SeqCst) { "200 OK" } else { "500 Internal Server Error" };
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {head}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { address, asked, is_well, hangs }
    }

    fn issuer(&self) -> String {
        format!("http://{}/auth/v1", self.address)
    }

    fn serve(&self, folder: &Folder) -> Server {
        Server::of_folder(folder, &["--jwt-issuer", &self.issuer()])
    }

    fn claims(&self, role: &str) -> Value {
        let until = Timestamp::now() + SignedDuration::from_mins(10);
        json!({
            "iss": self.issuer(), "aud": "authenticated", "exp": until.as_second(), "sub": "4711", "email": "ada@example.com",
            "role": "authenticated", "app_metadata": { "role": role },
        })
    }
}

fn signed(claims: &Value, kid: &str) -> String {
    let der = base64::engine::general_purpose::STANDARD.decode(PRIVATE).unwrap();
    let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::EdDSA) };
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_ed_der(&der)).unwrap()
}

async fn refused(server: &Server, token: &str, status: StatusCode) -> String {
    let request = server.bare(Method::GET, "/api/integrations").bearer_auth(token);
    let refusal = super::json(request, status).await;
    format!("{}: {}", refusal["code"].as_str().unwrap(), refusal["detail"].as_str().unwrap())
}

#[tokio::test]
async fn a_token_of_the_provider_gives_its_role() {
    let (folder, provider) = (Folder::project(), Provider::start().await);
    let server = provider.serve(&folder);
    let ask =
        |method, path: &str, role: &str| server.bare(method, path).bearer_auth(signed(&provider.claims(role), "k1"));
    super::json(ask(Method::GET, "/api/integrations", "viewer"), StatusCode::OK).await;
    let refusal = super::json(ask(Method::DELETE, "/api/integrations/fruit", "viewer"), StatusCode::FORBIDDEN).await;
    assert_eq!(refusal["detail"], "this needs the role `editor`, but `ada@example.com` has the role `viewer`");
    super::json(ask(Method::DELETE, "/api/integrations/fruit", "editor"), StatusCode::OK).await;
    assert_eq!(provider.asked.load(Ordering::SeqCst), 1, "the keys are asked for once");
    // Known keys stay valid while the provider is unavailable.
    provider.is_well.store(false, Ordering::SeqCst);
    super::json(ask(Method::GET, "/api/integrations", "viewer"), StatusCode::OK).await;
    // Pages work too, with a session that a token started.
    let token = signed(&provider.claims("editor"), "k1");
    let entered = filled(server.bare(Method::POST, "/login"), &[("token", &token)]).send().await.unwrap();
    assert_eq!(entered.status(), StatusCode::SEE_OTHER);
    let cookie = entered.headers()["set-cookie"].to_str().unwrap();
    let lasts: u64 = cookie.rsplit_once("Max-Age=").unwrap().1.parse().unwrap();
    assert!(lasts > 500 && lasts <= 600, "{cookie}");
    let session = cookie.split(';').next().unwrap().to_owned();
    let page =
        server.bare(Method::GET, "/changes").header("cookie", session).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("ada@example.com") && page.contains("editor"), "{page}");
    let deeds = server.get("/api/audit?limit=2").await;
    let said: Vec<_> =
        deeds["deeds"].as_array().unwrap().iter().map(|deed| (&deed["actor"], &deed["action"])).collect();
    let ada = json!("ada@example.com");
    assert_eq!(said, [(&ada, &json!("sign-in")), (&ada, &json!("delete"))]);
}

#[tokio::test]
async fn an_invalid_token_is_refused_with_the_reason() {
    let (folder, provider) = (Folder::project(), Provider::start().await);
    let server = provider.serve(&folder);
    let with = |key: &str, value: Value| {
        let mut claims = provider.claims("admin");
        claims[key] = value;
        signed(&claims, "k1")
    };
    let good = signed(&provider.claims("admin"), "k1");
    let signature = good.rsplit_once('.').unwrap().1;
    let other = with("email", json!("root@example.com"));
    let forged = format!("{}.{signature}", other.rsplit_once('.').unwrap().0);
    let unsigned = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    let payload = good.split('.').nth(1).unwrap();
    let unsigned = format!("{unsigned}.{payload}.");
    // Anyone with the public key could sign a token with a shared-secret algorithm.
    let header = Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::HS256) };
    let shared =
        jsonwebtoken::encode(&header, &provider.claims("admin"), &EncodingKey::from_secret(PUBLIC.as_bytes())).unwrap();
    let past = (Timestamp::now() - SignedDuration::from_mins(5)).as_second();
    let told = [
        (with("exp", json!(past)), "it has expired"),
        (with("aud", json!("somebody")), "it is for a different audience"),
        (with("iss", json!("https://evil.example")), "it has a different issuer"),
        (with("nbf", json!(past + 3600)), "it is not valid yet"),
        (signed(&provider.claims("admin"), "k2"), "its issuer has no matching key"),
        (forged, "its signature is invalid"),
        (unsigned, "it is not a valid JWT"),
        (shared, "it is not signed with an asymmetric algorithm"),
        ("nonsense".to_owned(), "it is not a valid JWT"),
    ];
    for (token, why) in told {
        let said = refused(&server, &token, StatusCode::UNAUTHORIZED).await;
        assert_eq!(said, format!("spile::http::unauthorized: the token is not valid: {why}"));
    }
    let without = refused(&server, &with("app_metadata", json!({})), StatusCode::FORBIDDEN).await;
    assert!(without.starts_with("spile::http::role: the token has no valid role"), "{without}");
    let own = refused(&server, "spile_nonsense", StatusCode::UNAUTHORIZED).await;
    assert!(own.contains("unknown or revoked"), "{own}");
}

#[tokio::test]
async fn a_key_that_is_not_for_signatures_of_the_tokens_kind_lets_nobody_in() {
    let described = [
        json!({ "kid": "enc", "use": "enc" }),
        json!({ "kid": "alg", "alg": "ES256" }),
        json!({ "kid": "ops", "key_ops": ["sign"] }),
        json!({ "kid": "twice", "use": "sig" }),
        json!({ "kid": "twice", "use": "sig", "alg": "EdDSA" }),
        json!({ "kid": "both", "use": "enc" }),
        json!({ "kid": "both", "use": "sig", "key_ops": ["verify"] }),
    ];
    let (folder, provider) = (Folder::project(), Provider::with(&described).await);
    let server = provider.serve(&folder);
    let token = |kid: &str| signed(&provider.claims("viewer"), kid);
    let ask = |kid: &str| server.bare(Method::GET, "/api/integrations").bearer_auth(token(kid));
    super::json(ask("both"), StatusCode::OK).await;
    for kid in ["enc", "alg", "ops", "twice"] {
        let said = refused(&server, &token(kid), StatusCode::UNAUTHORIZED).await;
        assert!(said.ends_with("its issuer has no matching key"), "{kid}: {said}");
    }
}

#[tokio::test]
async fn token_times_may_have_fractions_and_critical_headers_are_not_ignored() {
    let (folder, provider) = (Folder::project(), Provider::start().await);
    let server = provider.serve(&folder);
    let now = Timestamp::now().as_second();
    let with = |exp: Value, nbf: Value| {
        let mut claims = provider.claims("viewer");
        (claims["exp"], claims["nbf"]) = (exp, nbf);
        signed(&claims, "k1")
    };
    let ask = |token: &str| server.bare(Method::GET, "/api/integrations").bearer_auth(token);
    let later = |seconds: i64| json!(f64::from(u32::try_from(now + seconds).unwrap()) + 0.75);
    super::json(ask(&with(later(600), later(-60))), StatusCode::OK).await;
    for (token, why) in [
        (with(later(-300), later(-600)), "it has expired"),
        (with(later(600), later(300)), "it is not valid yet"),
        (with(json!("soon"), later(-60)), "it is not a valid JWT"),
    ] {
        let said = refused(&server, &token, StatusCode::UNAUTHORIZED).await;
        assert!(said.ends_with(why), "{said}");
    }
    for crit in [json!(["exp"]), json!(["b64"]), json!(["https://example.com/ours"]), json!([])] {
        let der = base64::engine::general_purpose::STANDARD.decode(PRIVATE).unwrap();
        let mut header = Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::EdDSA) };
        header.crit = serde_json::from_value(crit.clone()).unwrap();
        let claims = provider.claims("viewer");
        let token = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_der(&der)).unwrap();
        let said = refused(&server, &token, StatusCode::UNAUTHORIZED).await;
        assert!(said.ends_with("it has an unknown critical header"), "{crit}: {said}");
    }
}

#[tokio::test]
async fn an_unavailable_provider_lets_nobody_in_but_sessions_stay_valid() {
    let (folder, provider) = (Folder::project(), Provider::start().await);
    let server = provider.serve(&folder);
    provider.is_well.store(false, Ordering::SeqCst);
    let said = refused(&server, &signed(&provider.claims("admin"), "k1"), StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(said.starts_with("spile::http::jwks") && said.contains("status 500"), "{said}");
    super::json(server.ask(Method::GET, "/api/integrations"), StatusCode::OK).await;
    let login = server.bare(Method::GET, "/login").send().await.unwrap().text().await.unwrap();
    assert!(login.contains("Use a token"), "{login}");
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_asked_once_for_all_callers() {
    let (folder, provider) = (Folder::project(), Provider::start().await);
    let server = Arc::new(provider.serve(&folder));
    provider.hangs.store(true, Ordering::SeqCst);
    let begun = std::time::Instant::now();
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (server, token) = (server.clone(), signed(&provider.claims("admin"), "k1"));
        waiting.spawn(async move { refused(&server, &token, StatusCode::SERVICE_UNAVAILABLE).await });
    }
    for said in waiting.join_all().await {
        assert!(said.contains("no response"), "{said}");
    }
    // The next caller is refused immediately.
    refused(&server, &signed(&provider.claims("admin"), "k1"), StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(provider.asked.load(Ordering::SeqCst), 1);
    assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
    // The provider is asked again after a while, and callers with known keys do not wait for unknown ones.
    provider.hangs.store(false, Ordering::SeqCst);
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    let ask = |kid| server.bare(Method::GET, "/api/integrations").bearer_auth(signed(&provider.claims("viewer"), kid));
    super::json(ask("k1"), StatusCode::OK).await;
    assert_eq!(provider.asked.load(Ordering::SeqCst), 2);
    super::json(ask("k2"), StatusCode::UNAUTHORIZED).await;
    assert_eq!(provider.asked.load(Ordering::SeqCst), 2, "it listed its keys a moment ago");
}

#[tokio::test]
async fn a_caller_over_the_rate_limit_is_told_when_to_retry() {
    let folder = Folder::project();
    let server = Server::of_folder(&folder, &["--rate", "3"]);
    let toggle =
        |path: &str| server.ask(Method::POST, "/api/bulk").json(&json!({"action": path, "integrations": ["fruit"]}));
    for word in ["disable", "enable", "disable"] {
        super::json(toggle(word), StatusCode::OK).await;
    }
    let refused = toggle("enable").send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    // Reading is not limited.
    super::json(server.ask(Method::GET, "/api/integrations"), StatusCode::OK).await;
    // Trying wrong tokens does not lock out others either.
    let mut last = StatusCode::OK;
    for _ in 0..40 {
        last = server.bare(Method::GET, "/api/plan").bearer_auth("spile_wrong").send().await.unwrap().status();
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    super::json(server.ask(Method::GET, "/api/integrations"), StatusCode::OK).await;
}
