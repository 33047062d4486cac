//! Signing in: "OAuth 2.0 Web Server Flow for Web App Integration" and "OAuth 2.0 Refresh Token Flow for Renewed Sessions",
//! with the errors of "OAuth 2.0 Flow Errors".

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest, Sha256};
use url::Url;

use super::HOST;
use super::message::{Request, Response};
use super::org::{Code, Org};

/// The page where a person signs in, and allows or denies access.
const PAGE: &str = "<!doctype html><title>Login | Salesforce</title><form method=\"post\">\
                    <label>Username <input name=\"username\"></label> <label>Password <input type=\"password\" \
                    name=\"pw\"></label> <button name=\"do\" value=\"allow\">Allow</button> <button name=\"do\" \
                    value=\"deny\">Deny</button></form>";

fn refused(error: &str, description: &str) -> Response {
    Response::json(400, &json!({ "error": error, "error_description": description }))
}

fn form(body: &str) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

impl Org {
    pub(super) fn sign_in(&mut self, request: &Request) -> Response {
        match (request.method.as_str(), request.path.as_str()) {
            ("GET" | "POST", "/services/oauth2/authorize") => self.authorize(request),
            ("POST", "/services/oauth2/token") => self.token(request),
            _ => Response::html(404, "<!doctype html><title>Not found</title>"),
        }
    }

    /// Asks a person, and sends the browser back. A mistake in the request is told to the person alone.
    fn authorize(&mut self, request: &Request) -> Response {
        let asked = |name: &str| request.query.get(name).map(String::as_str).unwrap_or_default();
        let callback = asked("redirect_uri");
        let mistake = match () {
            () if asked("client_id") != self.grant.client_id => "invalid_client_id: client identifier invalid",
            () if self.grant.callbacks.iter().all(|known| known != callback) => {
                "redirect_uri_mismatch: redirect_uri must match configuration"
            }
            () if asked("response_type") != "code" => "unsupported_response_type: response type not supported",
            () if asked("code_challenge_method") != "S256" => "invalid_request: invalid code challenge method",
            () if !asked("scope").split(' ').any(|scope| scope == "refresh_token") => "invalid_scope: invalid scope",
            () => "",
        };
        if !mistake.is_empty() {
            return Response::html(400, &format!("<!doctype html><title>Error</title><p>{mistake}</p>"));
        }
        if request.method == "GET" {
            return Response::html(200, PAGE);
        }
        let mut back = Url::parse(callback).unwrap();
        if form(&request.body)["do"] == "allow" {
            let code = format!("aPrx.code.{}==", self.grant.codes.len() + 1);
            back.query_pairs_mut().append_pair("code", &code);
            let challenge = asked("code_challenge").to_owned();
            self.grant.codes.insert(code, Code { callback: callback.to_owned(), challenge });
        } else {
            let denied = [("error", "access_denied"), ("error_description", "end-user denied authorization")];
            back.query_pairs_mut().extend_pairs(denied);
        }
        back.query_pairs_mut().append_pair("state", asked("state"));
        Response::redirect(back.as_str())
    }

    fn token(&mut self, request: &Request) -> Response {
        let sent = form(&request.body);
        let is = |name: &str, wanted: &str| sent.get(name).is_some_and(|value| value == wanted);
        if !is("client_id", self.grant.client_id) {
            return refused("invalid_client_id", "client identifier invalid");
        }
        if !is("client_secret", self.grant.client_secret) {
            return refused("invalid_client", "invalid client credentials");
        }
        // The organization is no sandbox, so its codes and tokens are unknown at test.salesforce.com.
        let is_here = request.host == "login.salesforce.com";
        let is_new = is("grant_type", "authorization_code");
        if is_new {
            let code = self.grant.codes.remove(sent.get("code").unwrap());
            let Some(code) = code.filter(|_| is_here) else {
                return refused("invalid_grant", "expired authorization code");
            };
            let verifier = sent.get("code_verifier").map(String::as_str).unwrap_or_default();
            if URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) != code.challenge {
                return refused("invalid_grant", "invalid code verifier");
            }
            if !is("redirect_uri", &code.callback) {
                return refused("redirect_uri_mismatch", "redirect_uri must match configuration");
            }
        } else {
            assert_eq!(sent["grant_type"], "refresh_token");
            let is_valid = self.grant.refresh_token.as_ref().is_some_and(|token| is("refresh_token", token));
            if !is_valid || !is_here {
                return refused("invalid_grant", "expired access/refresh token");
            }
        }
        let access_token = format!("00DTEST!session{}", self.grant.sessions.len() + 1);
        self.grant.sessions.insert(access_token.clone());
        let mut answer = json!({
            "access_token": access_token,
            "signature": "c2lnbmF0dXJl",
            "scope": "refresh_token api",
            "instance_url": format!("https://{HOST}"),
            "id": "https://login.salesforce.com/id/00D000000000001AAA/005000000000001AAA",
            "token_type": "Bearer",
            "issued_at": "1767225600000",
        });
        if is_new || self.grant.rotates {
            self.grant.issued += 1;
            let next = format!("hunter2-token-{}", self.grant.issued);
            answer["refresh_token"] = json!(next);
            self.grant.refresh_token = Some(next);
        }
        Response::json(200, &answer)
    }
}
