//! Sees to it that the key that signs cookies of upstreams exists once a host needs it. It is encrypted with the
//! key of the data folder, never shown, and stays the same after a restart.

use base::Secret;
use std::sync::Arc;
use store::proxy_hosts::ProxyHost;
use store::settings::{self, NewSetting};
use store::{Audit, Store};

/// Its setting; the ending makes it a secret one.
const KEY: &str = "upstream.sticky_cookie_secret";

/// Bytes of the key.
const LENGTH: usize = 32;

/// The key, made when it is missing and a host needs it; `None` when none does.
///
/// # Errors
/// When the database cannot be read. Why the key cannot be had otherwise stands in the answer: only the hosts that
/// need it suffer.
pub(super) async fn ensure(
    store: &Store,
    hosts: &[Arc<ProxyHost>],
) -> anyhow::Result<Option<Result<Secret<String>, String>>> {
    match settings::secret_value(store, KEY).await {
        Ok(Some(key)) => return Ok(Some(Ok(key))),
        Ok(None) => {}
        Err(error @ store::Error::Secret(_)) => return Ok(Some(Err(error.to_string()))),
        Err(error) => return Err(error.into()),
    }
    if !hosts.iter().any(|host| host.enabled && signs(host)) {
        return Ok(None);
    }
    let key = base::random::hex_token::<LENGTH>();
    let setting = NewSetting { key: KEY.to_owned(), value: key.clone(), ..NewSetting::default() };
    let audit = Audit::system("create", "setting", "Made the key that signs cookies of upstreams");
    Ok(Some(match settings::set(store, &[setting], audit).await {
        Ok(_) => Ok(Secret::new(key)),
        Err(error) => Err(error.to_string()),
    }))
}

fn signs(host: &ProxyHost) -> bool {
    let upstreams = host.locations.iter().map(|location| &location.upstream);
    std::iter::once(&host.upstream).chain(upstreams).any(|options| options.contains_key("sticky"))
}
