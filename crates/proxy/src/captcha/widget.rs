//! The page with somebody else's captcha: what it loads, and from where alone.

use super::Captcha;
use super::desk::{Provider, Widget};
use crate::pages;

impl Widget {
    fn script(&self) -> String {
        let base = match (&self.stand_in, self.provider) {
            (Some(base), _) => format!("{base}/api.js"),
            (None, Provider::Turnstile) => "https://challenges.cloudflare.com/turnstile/v0/api.js".to_owned(),
            (None, Provider::HCaptcha) => "https://js.hcaptcha.com/1/api.js".to_owned(),
        };
        format!("{base}?render=explicit&onload=charonReady")
    }

    /// What the page may load, as the header of that name says it (CSP level 3). The sources are those that the
    /// providers name for it.
    pub(crate) fn policy(&self, nonce: &str) -> String {
        let (sources, styles) = match (&self.stand_in, self.provider) {
            (Some(base), _) => (base.as_str(), ""),
            (None, Provider::Turnstile) => ("https://challenges.cloudflare.com", ""),
            (None, Provider::HCaptcha) => (
                "https://hcaptcha.com https://*.hcaptcha.com",
                " https://hcaptcha.com https://*.hcaptcha.com",
            ),
        };
        format!(
            "default-src 'none'; style-src 'unsafe-inline'{styles}; script-src 'nonce-{nonce}' {sources}; \
             frame-src {sources}; connect-src 'self' {sources}; img-src {sources}; base-uri 'none'; form-action 'none'"
        )
    }

    /// The page. `challenge` holds nothing that HTML takes for something else.
    pub(crate) fn page(&self, challenge: &str, request_id: &str) -> String {
        let (mut id, mut key) = (String::new(), String::new());
        pages::escape(request_id, &mut id);
        pages::escape(&self.site_key, &mut key);
        let api = match self.provider {
            Provider::Turnstile => "turnstile",
            Provider::HCaptcha => "hcaptcha",
        };
        format!(
            "{head}<h1>One moment, please</h1>\
             <p id=status role=status>Requests from your address looked unusual. Please confirm that you are a person; \
             the check is made by {provider}.</p><div id=captcha></div>\
             <noscript><p>The check needs JavaScript. Please switch it on for this site.</p></noscript>\
             <p><small>Request {id}</small></p>\
             <script nonce={nonce} data-challenge={challenge} data-provider=\"{provider}\" data-api={api} \
             data-key=\"{key}\" data-path=\"{path}\">{own}</script>\
             <script nonce={nonce} src=\"{script}\" async defer></script></html>\n",
            head = super::HEAD,
            provider = self.provider.title(),
            nonce = super::nonce(challenge),
            path = Captcha::PATH,
            own = include_str!("widget.js"),
            script = self.script(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_loads_from_its_provider_and_from_nobody_else() {
        for (provider, script, allowed, foreign) in [
            (
                Provider::Turnstile,
                "https://challenges.cloudflare.com/turnstile/v0/api.js",
                "cloudflare.com",
                "hcaptcha",
            ),
            (Provider::HCaptcha, "https://js.hcaptcha.com/1/api.js", "hcaptcha.com", "cloudflare"),
        ] {
            let widget = Widget { provider, site_key: "key\"><b>".to_owned(), stand_in: None };
            let page = widget.page("17.abc", "id");
            assert!(page.contains(script) && page.contains("nonce=abc"), "{page}");
            assert!(!page.contains("<b>") && !page.contains(foreign), "{page}");
            let policy = widget.policy("abc");
            assert!(policy.contains(allowed) && !policy.contains(foreign), "{policy}");
            assert!(
                policy.starts_with("default-src 'none';")
                    && policy.contains("script-src 'nonce-abc' https://")
            );
        }
    }
}
