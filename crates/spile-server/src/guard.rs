//! Checks every request: the host name that it uses, where it comes from and how large it is. Sets the security headers of
//! every response.

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

use super::app::App;
use super::authentication::is_read;
use super::refusal::{Refusal, internal};
use super::ui::told_as_page;

/// The largest request body, in bytes.
const LARGEST: usize = 1024 * 1024;

/// How long a request may take that does not wait for a run.
const LONGEST: Duration = Duration::from_mins(2);

/// What pages may load: only resources of this server, and no inline scripts.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // With `no-referrer`, browsers send `Origin: null` even with the server's own forms.
    (REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Wraps routes in the checks that every request passes.
pub fn guarded(routes: Router<App>, app: &App) -> Router<App> {
    // Streams are not buffered for compression.
    let packs = SizeAbove::new(1024).and(NotForContentType::new("text/event-stream"));
    routes
        .layer(DefaultBodyLimit::max(LARGEST))
        .layer(middleware::from_fn_with_state(app.clone(), look))
        // Higher levels would cost more than all other work for a response.
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(packs))
        .layer(CatchPanicLayer::custom(|_| internal().into_response()))
}

async fn look(State(app): State<App>, request: Request, next: Next) -> Response {
    let is_person = wants_a_page(&request);
    let refused = host(request.headers(), request.uri(), &app.setup().hosts)
        .and_then(|host| origin(request.method(), request.headers(), &host))
        .and_then(|()| loaded(request.headers()));
    let mut response = match refused {
        Err(refusal) => refusal.into_response(),
        Ok(()) => match tokio::time::timeout(LONGEST, answered(&app, request, next)).await {
            Ok(response) => response,
            Err(_) => Refusal::new(StatusCode::GATEWAY_TIMEOUT, "spile::http::timeout", "the request took too long")
                .help("check again later: work that has started continues, and its result is recorded")
                .into_response(),
        },
    };
    if let Some(refusal) = response.extensions().get::<Refusal>().filter(|_| is_person) {
        response = told_as_page(refusal);
    }
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        // A logo sets a stricter policy itself.
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Answers a request. A request that may change something runs to its end even if the client leaves: half a change must
/// not stay behind, and the audit log must record it.
async fn answered(app: &App, request: Request, next: Next) -> Response {
    if is_read(request.method()) {
        return next.run(request).await;
    }
    app.jobs().finish(next.run(request)).await.unwrap_or_else(|| internal().into_response())
}

/// Tells whether to answer with a page: browsers accept HTML, and programs that use the API do not ask for it.
fn wants_a_page(request: &Request) -> bool {
    let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept.contains("text/html") && !request.uri().path().starts_with("/api/")
}

/// Checks the host name, because another site's name can resolve to this server (DNS rebinding): the browser then sends
/// that name.
fn host(headers: &HeaderMap, uri: &Uri, known: &[String]) -> Result<String, Refusal> {
    // A request may name its host more than once. The one in the request line counts, and no browser sends two.
    let headers = headers.get_all(HOST).iter().map(|host| host.to_str().unwrap_or_default());
    let mut said = uri.authority().map(Authority::as_str).into_iter().chain(headers).peekable();
    let first = said.peek().copied().unwrap_or_default();
    if !first.is_empty() && said.all(|said| known.iter().any(|known| known.eq_ignore_ascii_case(said))) {
        return Ok(first.to_owned());
    }
    let detail = "the server does not answer to that host name";
    Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, "spile::http::host", detail)
        .help("use the address that `spile serve` printed, or start it with `--host NAME`"))
}

/// Checks that a request that changes something comes from a page of this server, or from no page at all.
fn origin(method: &Method, headers: &HeaderMap, host: &str) -> Result<(), Refusal> {
    if is_read(method) {
        return Ok(());
    }
    let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
    let from = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, from)| from);
    if from.is_some_and(|from| from.eq_ignore_ascii_case(host)) {
        return Ok(());
    }
    Err(Refusal::new(StatusCode::FORBIDDEN, "spile::http::origin", "this request comes from a page on another site"))
}

/// Keeps pages of other sites from loading or framing anything here; following a link from them is allowed. Programs
/// and old browsers do not send where a request comes from.
fn loaded(headers: &HeaderMap) -> Result<(), Refusal> {
    let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // Another port of this machine counts as the same site.
    let is_elsewhere = matches!(said("sec-fetch-site"), "cross-site" | "same-site");
    if !is_elsewhere || (said("sec-fetch-mode"), said("sec-fetch-dest")) == ("navigate", "document") {
        return Ok(());
    }
    Err(Refusal::new(StatusCode::FORBIDDEN, "spile::http::origin", "a page on another site requested this"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn the_server_only_answers_to_its_own_host_names() {
        let known = ["127.0.0.1:8320".to_owned(), "localhost:8320".to_owned()];
        let told = |host: &'static str| super::host(&headers(&[(HOST, host)]), &Uri::from_static("/"), &known);
        assert!(told("localhost:8320").is_ok() && told("LOCALHOST:8320").is_ok());
        for other in ["evil.example:8320", "localhost", "127.0.0.1:80", ""] {
            assert!(told(other).is_err(), "{other}");
        }
        assert!(super::host(&HeaderMap::new(), &Uri::from_static("/"), &known).is_err());
        let own = headers(&[(HOST, "localhost:8320")]);
        assert!(
            super::host(&own, &Uri::from_static("http://evil.example/"), &known).is_err(),
            "named in the request line"
        );
        let mut twice = own;
        twice.append(HOST, HeaderValue::from_static("evil.example"));
        assert!(super::host(&twice, &Uri::from_static("/"), &known).is_err(), "named twice");
    }

    #[test]
    fn pages_of_other_sites_change_nothing() {
        let told =
            |method, origin: &'static str| super::origin(&method, &headers(&[(ORIGIN, origin)]), "localhost:8320");
        assert!(told(Method::POST, "http://localhost:8320").is_ok());
        assert!(told(Method::GET, "http://evil.example").is_ok());
        for other in ["http://evil.example", "null", "http://localhost:8321", "localhost:8320"] {
            assert!(told(Method::POST, other).is_err(), "{other}");
        }
        assert!(super::origin(&Method::POST, &HeaderMap::new(), "localhost:8320").is_ok());
    }
}
