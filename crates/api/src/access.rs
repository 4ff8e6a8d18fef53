//! Who may call a handler. Its signature says so: [`Admin`], [`Member`] or [`Viewer`]; a handler without one of
//! them is public, and the test `roles` holds the list of those.
//!
//! A session or token is looked up for every request, so that it ends at once when it is ended.

use crate::error::{Error, Result};
use crate::local::{self, LocalOwner};
use crate::meta::Meta;
use crate::state::State;
use crate::tokens;
use axum::extract::FromRequestParts;
use axum::extract::MatchedPath;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use base::Timestamp;
use std::time::Duration;
use store::users::{Role, User};
use store::{api_tokens, sessions};

/// A session ends after so long without a request,
const IDLE: Duration = Duration::from_secs(24 * 3600);
/// and after so long in any case.
const ABSOLUTE: Duration = Duration::from_secs(7 * 24 * 3600);
/// How old the last sign of life may be before a new one is written.
const TOUCH: Duration = Duration::from_secs(60);

const PLAIN_COOKIE: &str = "charon_session";
const TLS_COOKIE: &str = "__Host-charon_session";

/// How the caller has proven who it is.
#[derive(Clone, Debug)]
pub(crate) enum Via {
    /// By the cookie of a session.
    Session(sessions::Session),
    /// By an API token.
    Token(api_tokens::ApiToken),
    /// By the socket of the data folder.
    Local,
}

/// The caller.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// The account.
    pub(crate) user: User,
    /// How it was proven.
    pub(crate) via: Via,
}

impl Identity {
    /// The name of the caller in audit entries.
    pub(crate) fn actor(&self) -> String {
        match &self.via {
            Via::Session(_) | Via::Local => self.user.email.clone(),
            Via::Token(token) => format!("{} (token {})", self.user.email, token.name),
        }
    }

    pub(crate) fn is_admin(&self) -> bool {
        self.user.role == Role::Admin && self.may(Scope::Admin)
    }

    /// The session, for what a token must not do: it would outlive the token.
    pub(crate) fn session(&self) -> Result<&sessions::Session> {
        match &self.via {
            Via::Session(session) => Ok(session),
            Via::Token(_) | Via::Local => {
                Err(Error::Forbidden("this needs a session; sign in with your password".to_owned()))
            }
        }
    }

    fn may(&self, scope: Scope) -> bool {
        match &self.via {
            Via::Session(_) | Via::Local => true,
            Via::Token(token) => token.scopes.iter().any(|given| match scope {
                Scope::Read => matches!(given.as_str(), "read" | "write" | "admin"),
                Scope::Write => matches!(given.as_str(), "write" | "admin"),
                Scope::Admin => given == "admin",
            }),
        }
    }
}

/// What an API token must allow for a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scope {
    /// Looking.
    Read,
    /// Changing hosts, certificates and settings.
    Write,
    /// Accounts, tokens, the audit log and backups.
    Admin,
}

/// Parts of the API that need the scope `admin`.
const ADMIN_AREAS: &[&str] =
    &["/users", "/audit", "/api-tokens", "/auth", "/system/backups", "/system/migration-report"];

fn needed_scope(method: &Method, path: &str) -> Scope {
    let path = path.strip_prefix("/api/v1").unwrap_or(path);
    let in_area =
        |area: &&str| path.strip_prefix(*area).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let own_account = path.starts_with("/auth") || path.starts_with("/api-tokens");
    match (ADMIN_AREAS.iter().any(in_area), method.is_safe()) {
        (true, true) if own_account => Scope::Read,
        (true, _) => Scope::Admin,
        (false, true) => Scope::Read,
        (false, false) => Scope::Write,
    }
}

/// The role admin.
#[derive(Clone, Debug)]
pub(crate) struct Admin(pub(crate) Identity);
/// The role user or more.
#[derive(Clone, Debug)]
pub(crate) struct Member(pub(crate) Identity);
/// Any account.
#[derive(Clone, Debug)]
pub(crate) struct Viewer(pub(crate) Identity);
/// Nobody needs to be signed in; `Some` when somebody is.
#[derive(Clone, Debug)]
pub(crate) struct Anyone(pub(crate) Option<Identity>);

const fn rank(role: Role) -> u8 {
    match role {
        Role::Admin => 2,
        Role::User => 1,
        Role::Viewer => 0,
    }
}

macro_rules! levels {
    ($($name:ident $role:ident $text:literal;)*) => {$(
        impl FromRequestParts<State> for $name {
            type Rejection = Error;

            async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self> {
                let identity = identify(parts, state).await?.ok_or(Error::Unauthenticated)?;
                if rank(identity.user.role) < rank(Role::$role) {
                    return Err(Error::Forbidden($text.to_owned()));
                }
                Ok(Self(identity))
            }
        }
    )*};
}
levels! {
    Admin Admin "this is for the role admin; ask an administrator";
    Member User "this is for the role user; ask an administrator";
    Viewer Viewer "this is for accounts";
}

impl FromRequestParts<State> for Anyone {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self> {
        // What is public stays so when the database is gone or a token is wrong.
        Ok(Self(identify(parts, state).await.ok().flatten()))
    }
}

/// Who calls. `None`: nobody has said. A wrong proof is [`Error::Unauthenticated`].
async fn identify(parts: &Parts, state: &State) -> Result<Option<Identity>> {
    let identity = if let Some(value) = parts.headers.get(header::AUTHORIZATION) {
        let token = value.to_str().ok().and_then(|text| text.split_once(' '));
        let Some((scheme, token)) = token else { return Err(Error::Unauthenticated) };
        if !scheme.eq_ignore_ascii_case("bearer") || !token.starts_with(tokens::API_PREFIX) {
            return Err(Error::Unauthenticated);
        }
        // Two proofs at once could name two people; which of them is meant is not guessed.
        if session_cookie(&parts.headers).is_some() {
            return Err(Error::Unauthenticated);
        }
        by_token(state, token.trim()).await?
    } else if let Some(token) = session_cookie(&parts.headers) {
        by_session(state, &token).await?
    } else if parts.extensions.get::<LocalOwner>().is_some() {
        Identity { user: local::user(), via: Via::Local }
    } else {
        return Ok(None);
    };
    let path = parts.extensions.get::<MatchedPath>().map_or(parts.uri.path(), MatchedPath::as_str);
    if !identity.may(needed_scope(&parts.method, path)) {
        return Err(Error::Forbidden(
            "the API token's scopes do not allow this; make one that does".to_owned(),
        ));
    }
    Ok(Some(identity))
}

async fn by_token(state: &State, token: &str) -> Result<Identity> {
    let found = api_tokens::find_by_hash(&state.store, &tokens::digest(token)).await?;
    let (token, user) = found.ok_or(Error::Unauthenticated)?;
    let now = state.clock.now();
    if token.last_used_at.is_none_or(|last| now.since(last) >= TOUCH) {
        tell(api_tokens::touch(&state.store, token.id).await);
    }
    Ok(Identity { user, via: Via::Token(token) })
}

async fn by_session(state: &State, token: &str) -> Result<Identity> {
    let found = sessions::find_by_token_hash(&state.store, &tokens::digest(token)).await?;
    let (session, user) = found.ok_or(Error::Unauthenticated)?;
    let now = state.clock.now();
    if now >= ends(session.created_at, session.last_seen_at) {
        return Err(Error::Unauthenticated);
    }
    if now.since(session.last_seen_at) >= TOUCH {
        tell(sessions::touch(&state.store, session.id, ends(session.created_at, now)).await);
    }
    Ok(Identity { user, via: Via::Session(session) })
}

/// A sign of life that cannot be written must not lock anybody out of a read-only installation.
fn tell(written: std::result::Result<(), store::Error>) {
    if let Err(error) = written {
        tracing::debug!("the last use of a session or token cannot be noted: {error}");
    }
}

/// When a session ends that began at `created` and was last used at `seen`.
fn ends(created: Timestamp, seen: Timestamp) -> Timestamp {
    seen.plus(IDLE).min(created.plus(ABSOLUTE))
}

/// Whether the identity still stands: looked up anew, for streams that live long.
pub(crate) async fn still_stands(state: &State, identity: &Identity) -> Result<bool> {
    if matches!(identity.via, Via::Local) {
        return Ok(true);
    }
    let now = state.clock.now();
    let user = match store::users::get(&state.store, &identity.user.uuid).await {
        Ok(user) => user,
        Err(store::Error::NotFound(_)) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    if !user.enabled || user.role != identity.user.role {
        return Ok(false);
    }
    match &identity.via {
        Via::Session(session) => {
            let all = sessions::list_for_user(&state.store, user.id).await?;
            let known = all.iter().find(|known| known.id == session.id);
            Ok(known.is_some_and(|known| now < known.created_at.plus(ABSOLUTE)))
        }
        Via::Token(token) => {
            let all = api_tokens::list(&state.store, Some(user.id)).await?;
            let known = all.iter().find(|known| known.id == token.id);
            Ok(known.is_some_and(|known| known.expires_at.is_none_or(|end| end > now)))
        }
        Via::Local => Ok(true),
    }
}

/// Begins a session with a new token and returns the cookie that carries it.
pub(crate) async fn begin_session(
    state: &State,
    facts: &Meta,
    user: &User,
) -> Result<(sessions::Session, HeaderValue)> {
    let token = tokens::session();
    let now = state.clock.now();
    let session = sessions::NewSession {
        token_hash: tokens::digest(&token),
        user_id: user.id,
        expires_at: ends(now, now),
        ip_address: facts.client_text(),
        user_agent: facts.user_agent.clone(),
    };
    let session = sessions::insert(&state.store, &session).await?;
    Ok((session, cookie(&token, ABSOLUTE.as_secs(), facts.tls)?))
}

/// The cookie that makes the browser forget its session.
pub(crate) fn end_cookie(facts: &Meta) -> Result<HeaderValue> {
    cookie("", 0, facts.tls)
}

fn cookie(token: &str, max_age: u64, tls: bool) -> Result<HeaderValue> {
    let (name, secure) = if tls { (TLS_COOKIE, "; Secure") } else { (PLAIN_COOKIE, "") };
    let text = format!("{name}={token}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&text).map_err(|error| Error::Internal(error.to_string()))
}

/// The session token that the browser sends; the stricter cookie wins.
pub(crate) fn session_cookie(headers: &HeaderMap) -> Option<String> {
    let all = headers.get_all(header::COOKIE);
    let pairs: Vec<(&str, &str)> = all
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .collect();
    [TLS_COOKIE, PLAIN_COOKIE].iter().find_map(|name| {
        pairs
            .iter()
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| (*value).to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_after_a_day_of_silence_and_after_a_week_in_any_case() {
        let day = Duration::from_secs(24 * 3600);
        let start = Timestamp::from_millis(0);
        assert_eq!(ends(start, start), start.plus(day));
        assert_eq!(ends(start, start.plus(6 * day + day / 2)), start.plus(7 * day));
    }

    #[test]
    fn the_cookie_is_strict_and_secure_only_by_tls() {
        let plain = cookie("t", 60, false).unwrap();
        assert_eq!(plain, "charon_session=t; Path=/; Max-Age=60; HttpOnly; SameSite=Strict");
        let tls = cookie("t", 60, true).unwrap();
        assert_eq!(tls, "__Host-charon_session=t; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure");
    }

    #[test]
    fn areas_of_accounts_need_the_scope_admin() {
        for (method, path, scope) in [
            (Method::GET, "/api/v1/proxy-hosts", Scope::Read),
            (Method::PUT, "/api/v1/proxy-hosts/{uuid}", Scope::Write),
            (Method::GET, "/api/v1/users", Scope::Admin),
            (Method::GET, "/api/v1/users/{uuid}", Scope::Admin),
            (Method::POST, "/api/v1/system/backups", Scope::Admin),
            (Method::GET, "/api/v1/auth/me", Scope::Read),
            (Method::PUT, "/api/v1/auth/me", Scope::Admin),
            (Method::GET, "/api/v1/api-tokens", Scope::Read),
            (Method::POST, "/api/v1/api-tokens", Scope::Admin),
        ] {
            assert_eq!(needed_scope(&method, path), scope, "{method} {path}");
        }
    }
}
