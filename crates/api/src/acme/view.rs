//! Automatic certificates as they are shown.

use crate::error::Result;
use crate::state::State;
use base::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use store::acme_orders::{AcmeOrder, Phase, Step};
use store::acme_settings::{self, Authority};
use store::proxy_hosts::Wish;
use store::{acme_accounts, ssl_certificates};
use utoipa::ToSchema;

/// How automatic certificates are asked for. Keys of external accounts are never in it.
#[derive(Serialize, ToSchema)]
#[schema(as = Acme)]
pub(super) struct AcmeView {
    /// Where the authority sends warnings; empty for nowhere.
    email: String,
    /// A person has agreed to the authority's terms. Nothing is asked for before.
    terms_agreed: bool,
    /// Who is asked.
    first: AuthorityView,
    /// Who is asked after two failures of the first; without a directory nobody.
    second: AuthorityView,
    /// Who is asked first for names that have no certificate yet, for a trial whose certificate is not used; without a
    /// directory nobody.
    trial: AuthorityView,
    key_type: KeyKind,
    /// Profile of the authority; empty for its own choice.
    profile: String,
    /// The issuer at the end of the chain that is preferred; empty for the authority's choice.
    preferred_chain: String,
    challenge: ChallengeKind,
    /// Accounts that are registered.
    accounts: Vec<AccountView>,
}

/// A certificate authority.
#[derive(Serialize, ToSchema)]
#[schema(as = AcmeAuthority)]
pub(super) struct AuthorityView {
    /// Address of its ACME directory; empty for none.
    directory: String,
    /// Root certificates (PEM) that its address is trusted by besides the system's; empty for none.
    roots_pem: String,
    /// Name of the key that binds the account to one there; empty for none.
    eab_key_id: String,
    /// That key is stored.
    has_eab_key: bool,
}

/// An account at an authority.
#[derive(Serialize, ToSchema)]
#[schema(as = AcmeAccount)]
pub(super) struct AccountView {
    /// Address of the authority's ACME directory.
    directory: String,
    /// The e-mail address that the authority was told.
    email: String,
    /// It is being given up.
    leaving: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// The kind of key of new certificates.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub(super) enum KeyKind {
    #[serde(rename = "ecdsa-p256")]
    EcdsaP256,
    #[serde(rename = "ecdsa-p384")]
    EcdsaP384,
    #[serde(rename = "rsa-2048")]
    Rsa2048,
    #[serde(rename = "rsa-4096")]
    Rsa4096,
}

/// How it is proven that a name leads here: over port 80 (`http-01`) or over port 443 (`tls-alpn-01`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub(super) enum ChallengeKind {
    #[serde(rename = "http-01")]
    Http01,
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
}

impl KeyKind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ecdsa-p256",
            Self::EcdsaP384 => "ecdsa-p384",
            Self::Rsa2048 => "rsa-2048",
            Self::Rsa4096 => "rsa-4096",
        }
    }

    fn of(text: &str) -> Self {
        let all = [Self::EcdsaP256, Self::EcdsaP384, Self::Rsa2048, Self::Rsa4096];
        all.into_iter().find(|kind| kind.as_str() == text).unwrap_or(Self::EcdsaP256)
    }
}

impl ChallengeKind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
        }
    }

    fn of(text: &str) -> Self {
        if text == "tls-alpn-01" { Self::TlsAlpn01 } else { Self::Http01 }
    }
}

impl From<Authority> for AuthorityView {
    fn from(authority: Authority) -> Self {
        Self {
            directory: authority.directory,
            roots_pem: authority.roots_pem,
            eab_key_id: authority.eab_key_id,
            has_eab_key: authority.eab_key.is_some(),
        }
    }
}

impl AcmeView {
    pub(super) async fn read(state: &State) -> Result<Self> {
        let settings = acme_settings::get(&state.store).await?;
        let accounts = acme_accounts::list(&state.store).await?;
        let account = |row: acme_accounts::Account| AccountView {
            directory: row.directory,
            email: row.contact,
            leaving: row.leaving,
            created_at: row.created_at,
        };
        Ok(Self {
            email: settings.email,
            terms_agreed: settings.terms_agreed,
            first: settings.first.into(),
            second: settings.second.into(),
            trial: settings.trial.into(),
            key_type: KeyKind::of(&settings.key_type),
            profile: settings.profile,
            preferred_chain: settings.preferred_chain,
            challenge: ChallengeKind::of(&settings.challenge),
            accounts: accounts.into_iter().map(account).collect(),
        })
    }
}

/// How it goes with a set of names.
#[derive(Serialize, ToSchema)]
#[schema(as = AcmeOrder)]
pub(super) struct AcmeOrderView {
    uuid: String,
    /// The names.
    domains: Vec<String>,
    /// The hosts that want it.
    hosts: Vec<WishView>,
    phase: AcmePhase,
    /// Since when it stands so.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// The steps of the order that runs, or of the last one.
    steps: Vec<StepView>,
    /// What is the matter; empty when nothing is.
    message: String,
    /// What mends it.
    remedy: String,
    /// Attempts in a row that failed.
    failures: u32,
    /// The next attempt, or the renewal.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_at: Option<Timestamp>,
    /// When the last order was begun.
    #[schema(value_type = Option<String>, format = DateTime)]
    begun_at: Option<Timestamp>,
    /// Directory of the authority that was asked last; empty before the first order.
    directory: String,
    /// The certificate that serves; null before the first one.
    certificate_uuid: Option<String>,
    /// Until when it is good.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// How it stands with a set of names: nothing was asked for yet, an order runs, the certificate serves, the last
/// attempt failed and there will be another, or nothing is tried until a person has done something.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AcmePhase {
    Waiting,
    Ordering,
    Valid,
    Failing,
    Held,
}

/// A host that wants a certificate.
#[derive(Serialize, ToSchema)]
#[schema(as = AcmeHost)]
struct WishView {
    uuid: String,
    name: String,
}

/// A step of an order.
#[derive(Serialize, ToSchema)]
#[schema(as = AcmeStep)]
struct StepView {
    /// `account`, `order`, `challenge`, `validation`, `finalise`, `download` or `store`.
    name: String,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// What it does.
    message: String,
    /// It has ended well.
    done: bool,
}

impl From<Step> for StepView {
    fn from(step: Step) -> Self {
        Self { name: step.name, at: step.at, message: step.message, done: step.done }
    }
}

/// Shows orders with the hosts that want them and what came of them.
pub(super) async fn show(state: &State, orders: Vec<AcmeOrder>) -> Result<Vec<AcmeOrderView>> {
    let wishes = store::proxy_hosts::wishes(&state.store).await?;
    let ends = ssl_certificates::ends(&state.store, ssl_certificates::ACME).await?;
    // By names: there may be ten thousand of each.
    let mut by_names: HashMap<BTreeSet<&str>, Vec<&Wish>> = HashMap::new();
    for wish in &wishes {
        by_names.entry(wish.domains.iter().map(String::as_str).collect()).or_default().push(wish);
    }
    let shown = orders.into_iter().map(|order| {
        let end = ends.get(&order.certificate_uuid);
        let names: BTreeSet<&str> = order.domains.iter().map(String::as_str).collect();
        let hosts = by_names.get(&names).into_iter().flatten();
        let hosts = hosts.map(|wish| WishView { uuid: wish.uuid.clone(), name: wish.name.clone() }).collect();
        let progress = order.progress;
        AcmeOrderView {
            uuid: order.uuid,
            hosts,
            phase: match progress.phase {
                Phase::Waiting => AcmePhase::Waiting,
                Phase::Ordering => AcmePhase::Ordering,
                Phase::Valid => AcmePhase::Valid,
                Phase::Failing => AcmePhase::Failing,
                Phase::Held => AcmePhase::Held,
            },
            since: progress.since,
            steps: progress.steps.into_iter().map(StepView::from).collect(),
            message: progress.message,
            remedy: progress.remedy,
            failures: progress.failures,
            next_at: progress.next_at,
            begun_at: progress.begun_at,
            directory: progress.directory,
            certificate_uuid: end.map(|_| order.certificate_uuid),
            expires_at: end.copied().flatten(),
            domains: order.domains,
        }
    });
    Ok(shown.collect())
}
