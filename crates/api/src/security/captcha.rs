//! `/security/captcha`: whose captcha suspected clients get.

use crate::access::{Admin, Viewer};
use crate::error::{Error, Result};
use crate::input::{Body, Input};
use crate::meta::Meta;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use base::{FieldError, Secret, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::security_captcha as stored;
use utoipa::ToSchema;

/// Whose captcha it is: Charon's own short calculation, Cloudflare Turnstile, or hCaptcha.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CaptchaProvider {
    #[default]
    Work,
    Turnstile,
    Hcaptcha,
}

/// What is the case: the calculation is set; the provider is being asked; its captcha is shown; it cannot be asked, or
/// does not take the keys, and the calculation is shown instead.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CaptchaPhase {
    #[default]
    Work,
    Checking,
    Works,
    Unreachable,
    KeysRefused,
}

/// How the captcha stands.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct CaptchaState {
    /// What is the case.
    pub state: CaptchaPhase,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Why it is not shown, as a sentence part; empty when all is well.
    pub reason: String,
    /// Pages with a challenge that were shown since Charon's start.
    pub shown: u64,
    /// Answers that a provider took.
    pub accepted: u64,
    /// Answers that a provider did not take, or that came twice.
    pub refused: u64,
    /// Answers that the provider could not be asked about.
    pub unreachable: u64,
    /// Which of the stored values this is about.
    #[serde(skip)]
    pub as_of: String,
}

/// Keys that are to be tried out.
#[derive(Clone, Debug)]
pub struct CaptchaKeys {
    /// Not the calculation, which has none.
    pub provider: CaptchaProvider,
    /// Which site asks.
    pub site_key: String,
    /// What the provider knows Charon by.
    pub secret: Secret<String>,
}

/// The captcha: what is set, and what is the case.
#[derive(Serialize, ToSchema)]
pub(super) struct Captcha {
    /// What is set.
    provider: CaptchaProvider,
    /// Which site asks; empty for the calculation.
    site_key: String,
    /// A secret is kept, encrypted. It is never shown.
    secret_set: bool,
    /// These are keys that the provider publishes for trials: whoever answers gets by, or nobody does.
    test_keys: bool,
    #[serde(flatten)]
    state: CaptchaState,
}

/// What is to be set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CaptchaInput {
    provider: CaptchaProvider,
    /// Which site asks, as the provider names it; needed for a provider.
    #[serde(default)]
    #[schema(nullable = false, max_length = 100, example = "1x00000000000000000000AA")]
    site_key: Option<String>,
    /// The secret of the same site; the one that is kept when it is left out.
    #[serde(default)]
    #[schema(nullable = false, max_length = 200, write_only)]
    secret: Option<String>,
}

impl Input for CaptchaInput {}

/// How long an answer waits until what was stored is shown.
const SHOWN: Duration = Duration::from_secs(10);

/// Which captcha suspected clients get: what is set, and what is the case
#[utoipa::path(
    get, path = "/security/captcha", operation_id = "getCaptcha", tag = "security",
    extensions(("x-charon-role" = json!("viewer"))),
    responses((status = 200, description = "How it stands.", body = Captcha))
)]
pub(super) async fn get(Ax(state): Ax<State>, _: Viewer) -> Result<Json<Captcha>> {
    let set = stored::get(&state.store).await?;
    shown(&state, set).await.map(Json)
}

/// Choose the captcha of suspected clients
///
/// The provider is asked whether it knows the secret; one that it does not know is not stored. When it cannot be asked,
/// it is stored, and suspected clients do the calculation until it can.
#[utoipa::path(
    put, path = "/security/captcha", operation_id = "updateCaptcha", tag = "security",
    extensions(("x-charon-role" = json!("admin"))), request_body = CaptchaInput,
    responses((status = 200, description = "It is stored; this is how it stands now.", body = Captcha))
)]
pub(super) async fn update(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    Body(input): Body<CaptchaInput>,
) -> Result<Json<Captcha>> {
    let (kind, title) = match input.provider {
        CaptchaProvider::Work => (stored::Kind::Work, "the short calculation"),
        CaptchaProvider::Turnstile => (stored::Kind::Turnstile, "Cloudflare Turnstile"),
        CaptchaProvider::Hcaptcha => (stored::Kind::Hcaptcha, "hCaptcha"),
    };
    let before = stored::get(&state.store).await?;
    let site_key = input.site_key.unwrap_or_default().trim().to_owned();
    let sent = input.secret.map(|secret| Secret::new(secret.trim().to_owned()));
    let sent = sent.filter(|secret| !secret.expose().is_empty());
    if kind == stored::Kind::Work {
        if !site_key.is_empty() || sent.is_some() {
            return Err(Error::field(
                "provider",
                "the calculation has no keys; leave them out, or choose a provider",
            ));
        }
    } else {
        let kept = if before.kind == kind { kept(&state).await? } else { None };
        let secret = sent.clone().or(kept);
        let errors = check(&site_key, secret.as_ref(), title);
        if !errors.is_empty() {
            return Err(Error::Validation(errors));
        }
        if let Some(secret) = secret {
            let keys = CaptchaKeys { provider: input.provider, site_key: site_key.clone(), secret };
            state.engines.check_captcha(keys).await.map_err(|error| Error::Validation(vec![error]))?;
        }
    }
    let what = format!("Chose {title} as the captcha of suspected clients");
    let audit = facts.audit(&caller.actor(), "security", "update", what);
    let set = stored::set(&state.store, kind, &site_key, sent.as_ref(), audit).await?;
    let end = state.clock.monotonic() + SHOWN;
    while state.engines.captcha().as_of != set.as_of && state.clock.monotonic() < end {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    shown(&state, set).await.map(Json)
}

/// The secret that is kept; one that cannot be opened any more is none.
async fn kept(state: &State) -> Result<Option<Secret<String>>> {
    match stored::secret(&state.store).await {
        Err(store::Error::Secret(_)) => Ok(None),
        secret => Ok(secret?),
    }
}

fn check(site_key: &str, secret: Option<&Secret<String>>, title: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if site_key.len() < 10 || site_key.len() > 100 || !plain(site_key) {
        let message =
            format!("write the site key that {title} shows for your site: letters, digits, '-' and '_'");
        errors.push(FieldError::new("site_key", message));
    }
    match secret.map(|secret| secret.expose().as_str()) {
        None => errors.push(FieldError::new(
            "secret",
            format!("write the secret that {title} shows beside the site key"),
        )),
        Some(secret) if secret == site_key => {
            errors.push(FieldError::new(
                "secret",
                "this is the site key; the secret is the other one of the two",
            ));
        }
        Some(secret) if secret.len() < 10 || secret.len() > 200 || !plain(secret) => {
            errors.push(FieldError::new("secret", "a secret has 10 to 200 letters, digits, '-' and '_'"));
        }
        Some(_) => {}
    }
    errors
}

async fn shown(state: &State, set: stored::Captcha) -> Result<Captcha> {
    let now = state.engines.captcha();
    let checking = now.as_of != set.as_of && set.kind != stored::Kind::Work;
    Ok(Captcha {
        provider: match set.kind {
            stored::Kind::Work => CaptchaProvider::Work,
            stored::Kind::Turnstile => CaptchaProvider::Turnstile,
            stored::Kind::Hcaptcha => CaptchaProvider::Hcaptcha,
        },
        secret_set: stored::has_secret(&state.store).await?,
        test_keys: is_for_trials(&set.site_key),
        site_key: set.site_key,
        state: CaptchaState { state: if checking { CaptchaPhase::Checking } else { now.state }, ..now },
    })
}

/// Site keys that the providers publish for trials.
fn is_for_trials(site_key: &str) -> bool {
    ["1x0000", "2x0000", "3x0000"].iter().any(|prefix| site_key.starts_with(prefix))
        || (site_key.ends_with("-ffff-ffff-ffff-000000000001")
            || site_key.ends_with("-0000-0000-0000-000000000000"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_keys_are_named_by_field() {
        let secret = |text: &str| Some(Secret::new(text.to_owned()));
        for (site_key, secret, expected) in [
            ("1x00000000000000000000AA", secret("1x0000000000000000000000000000000AA"), &[][..]),
            ("", None, &["site_key", "secret"]),
            ("1x00000000000000000000AA", secret("1x00000000000000000000AA"), &["secret"]),
            ("not a key at all", secret("1x0000000000000000000000000000000AA"), &["site_key"]),
            ("1x00000000000000000000AA", secret("a b c d e f g h"), &["secret"]),
        ] {
            let errors = check(site_key, secret.as_ref(), "Turnstile");
            let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
            assert_eq!(fields, expected, "{site_key}");
        }
        assert!(
            is_for_trials("10000000-ffff-ffff-ffff-000000000001")
                && is_for_trials("1x00000000000000000000AA")
        );
        assert!(!is_for_trials("0x4AAAAAAAAAAAAAAAAAAAAA"));
    }
}
