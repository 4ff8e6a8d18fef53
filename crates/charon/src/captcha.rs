//! What the API sees of captchas: translation, nothing else.

use api::engines as shown;
use base::FieldError;
use control::captcha::{Captcha, Fault, Keys, Phase};
use control::crowdsec::CrowdSec;
use proxy::CaptchaProvider;

pub(crate) fn state(captcha: &Captcha, crowdsec: &CrowdSec) -> shown::CaptchaState {
    let (state, counts) = (captcha.state(), crowdsec.captcha.counts());
    shown::CaptchaState {
        state: match state.phase {
            Phase::Work => shown::CaptchaPhase::Work,
            Phase::Works => shown::CaptchaPhase::Works,
            Phase::Unreachable => shown::CaptchaPhase::Unreachable,
            Phase::KeysRefused => shown::CaptchaPhase::KeysRefused,
        },
        since: state.since,
        reason: state.reason,
        shown: counts.asked.iter().sum(),
        accepted: counts.accepted,
        refused: counts.refused,
        unreachable: counts.unreachable,
        as_of: state.as_of,
    }
}

/// Only what the provider says about the keys counts: one that cannot be asked may be asked later.
pub(crate) async fn check(captcha: &Captcha, keys: shown::CaptchaKeys) -> Result<(), FieldError> {
    let provider = match keys.provider {
        shown::CaptchaProvider::Work => return Ok(()),
        shown::CaptchaProvider::Turnstile => CaptchaProvider::Turnstile,
        shown::CaptchaProvider::Hcaptcha => CaptchaProvider::HCaptcha,
    };
    let keys = Keys { provider, site_key: keys.site_key, secret: keys.secret };
    match captcha.try_out(&keys).await {
        Err(Fault::Keys(why)) => {
            let name = provider.title();
            let message =
                format!("{name} does not take these keys ({why}); copy site key and secret of the same site");
            Err(FieldError::new("secret", message))
        }
        Ok(()) | Err(Fault::Unreachable(_)) => Ok(()),
    }
}
