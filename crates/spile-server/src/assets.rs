//! The assets of pages, which are part of the program.

use axum::Router;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::app::App;
use super::refusal;

/// Each asset's name, media type and bytes. htmx is by Big Sky Software, under the Zero-Clause BSD license; the typefaces
/// Inter and Geist Mono are under the SIL Open Font License, and the icons are Lucide's, under the ISC license: all beside
/// them.
const ASSETS: [(&str, &str, &[u8]); 7] = [
    ("style.css", "text/css; charset=utf-8", include_bytes!("../../../assets/style.css")),
    ("app.js", "text/javascript; charset=utf-8", include_bytes!("../../../assets/app.js")),
    ("htmx.js", "text/javascript; charset=utf-8", include_bytes!("../../../assets/htmx-4.0.1.min.js")),
    ("inter.woff2", "font/woff2", include_bytes!("../../../assets/fonts/inter.woff2")),
    ("geist-mono.woff2", "font/woff2", include_bytes!("../../../assets/fonts/geist-mono.woff2")),
    ("icon.svg", "image/svg+xml", include_bytes!("../../../assets/icon.svg")),
    ("icons.svg", "image/svg+xml", include_bytes!("../../../assets/icons.svg")),
];

pub fn routes() -> Router<App> {
    Router::new().route("/assets/{name}", get(asset))
}

async fn asset(Path(name): Path<String>) -> Response {
    let Some((_, kind, bytes)) = ASSETS.into_iter().find(|(known, _, _)| *known == name) else {
        return refusal::not_found().await.into_response();
    };
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "max-age=600")], bytes).into_response()
}
