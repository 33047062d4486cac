//! The tokens that a provider sends.

use std::time::Duration;

use oauth2::{AccessToken, RefreshToken, Scope, TokenResponse, TokenType};
use serde::{Deserialize, Serialize};

use spile_core::secret::Secret;

/// The answer to a request for tokens. Of the keys in RFC 6749, section 5.1, it needs only the access token: some
/// providers leave out the type, and write scopes in their own way.
#[derive(Debug, Serialize, Deserialize)]
pub struct TokenAnswer {
    access_token: AccessToken,
    #[serde(default)]
    token_type: AnyType,
    refresh_token: Option<RefreshToken>,
    /// Of OpenID Connect: who signed in. Like the others, `Debug` does not show it.
    id_token: Option<AccessToken>,
}

/// The type of a token, which spile does not use.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AnyType(String);

impl TokenType for AnyType {}

impl TokenAnswer {
    /// Returns the access token.
    pub fn access_token(&self) -> Option<Secret> {
        Some(self.access_token.secret()).filter(|token| !token.is_empty()).map(Secret::new)
    }

    /// Returns the refresh token, if the provider sent one.
    pub fn refresh_token(&self) -> Option<Secret> {
        self.refresh_token.as_ref().map(RefreshToken::secret).filter(|token| !token.is_empty()).map(Secret::new)
    }

    /// Returns the ID token, if the provider sent one.
    pub fn id_token(&self) -> Option<Secret> {
        self.id_token.as_ref().map(|token| Secret::new(token.secret()))
    }
}

impl TokenResponse for TokenAnswer {
    type TokenType = AnyType;

    fn access_token(&self) -> &AccessToken {
        &self.access_token
    }

    fn token_type(&self) -> &AnyType {
        &self.token_type
    }

    fn expires_in(&self) -> Option<Duration> {
        None
    }

    fn refresh_token(&self) -> Option<&RefreshToken> {
        self.refresh_token.as_ref()
    }

    fn scopes(&self) -> Option<&Vec<Scope>> {
        None
    }
}
