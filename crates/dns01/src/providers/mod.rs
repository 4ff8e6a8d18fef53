//! The providers. One more is one file with a `pub(super) const KIND: Kind`, one line of `mod` and one in [`KINDS`].

use crate::schema::Kind;

mod acme_dns;
mod azure;
mod cloudflare;
mod desec;
mod digitalocean;
mod duckdns;
mod exec;
mod gandi;
mod google;
mod hetzner;
mod hetzner_console;
mod namecheap;
mod ovh;
mod porkbun;
mod powerdns;
mod rfc2136;
mod route53;
mod webhook;

/// Every kind of provider, in the order of lists.
pub const KINDS: &[Kind] = &[
    acme_dns::KIND,
    azure::KIND,
    cloudflare::KIND,
    desec::KIND,
    digitalocean::KIND,
    duckdns::KIND,
    exec::KIND,
    gandi::KIND,
    google::KIND,
    hetzner::KIND,
    hetzner_console::KIND,
    namecheap::KIND,
    ovh::KIND,
    porkbun::KIND,
    powerdns::KIND,
    rfc2136::KIND,
    route53::KIND,
    webhook::KIND,
];

/// The kind of this name.
pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

#[cfg(test)]
pub(crate) mod published {
    pub(crate) use super::ovh::signature as ovh_signature;
    pub(crate) use super::route53::Request;
}
