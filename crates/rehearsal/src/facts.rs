//! What is gathered about a name before it is judged.

use crate::Caa;
use base::Timestamp;
use std::net::IpAddr;

/// Everything about one name.
#[derive(Clone, PartialEq, Debug)]
pub struct Facts {
    /// The name, with `*.` for a wildcard.
    pub name: String,
    /// When it was gathered.
    pub now: Timestamp,
    /// How it would be proven.
    pub proof: Proof,
    /// The authority that would be asked.
    pub authority: Authority,
    /// Its addresses. Not looked at for DNS-01.
    pub addresses: Found,
    /// What happened at each address; in the order of the addresses.
    pub doors: Vec<Door>,
    /// The port on which its authority looks.
    pub port: u16,
    /// Who may issue for it.
    pub caa: Lookup<Caa>,
    /// What is counted for it.
    pub held: Held,
}

/// How a name would be proven.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Proof {
    /// A file on port 80.
    Http01,
    /// A handshake on port 443.
    TlsAlpn01,
    /// A TXT record, by the credentials of a provider; `None`: none holds the zone.
    Dns01(Option<Credentials>),
}

/// The credentials of a DNS provider, tried.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credentials {
    /// What a person calls them.
    pub name: String,
    /// How the trial went.
    pub zone: Zone,
}

/// How the trial of a DNS provider went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Zone {
    /// It was not tried, since an order uses it.
    NotTried,
    /// It works.
    Works,
    /// The provider refuses the credentials; its words.
    Refused(String),
    /// The provider does not hold the zone; its words.
    Elsewhere(String),
    /// The provider cannot be asked; its words.
    Unreachable(String),
    /// The provider did not do it; its words.
    Fails(String),
    /// What the provider wrote does not show at the servers of the zone; what they say.
    NotShown(String),
}

/// The authority, asked for its directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Authority {
    /// Address of its directory.
    pub directory: String,
    /// A person has agreed to its terms.
    pub terms_agreed: bool,
    /// An external account is set.
    pub has_external_account: bool,
    /// Address of the account there; empty while there is none.
    pub account: String,
    /// It stands in a network of one's own, as its names and addresses may then too.
    pub is_private: bool,
    /// What it said.
    pub answer: Answer,
}

/// What the authority's directory said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It was not asked: nobody has agreed to its terms.
    NotAsked,
    /// It answered.
    Directory {
        /// Its names in CAA records.
        caa_identities: Vec<String>,
        /// It wants an external account.
        external_account_required: bool,
        /// Its clock.
        time: Option<Timestamp>,
    },
    /// Its certificate has ended or not begun, by the clock of this machine; which of them.
    NotNow(String),
    /// Its certificate is not trusted; why.
    NotTrusted(String),
    /// It could not be asked; why.
    Unreachable(String),
}

/// A look-up that may fail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Lookup<T> {
    /// What was found.
    Is(T),
    /// No resolver answers; the last one's fault.
    Silent(String),
    /// A resolver answers that it failed (SERVFAIL and the like), in its words.
    Fails(String),
}

/// The addresses of a name.
pub type Found = Lookup<Addresses>;

/// What a name leads to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Addresses {
    /// The name exists.
    pub exists: bool,
    /// The names on the way, when it is an alias.
    pub aliases: Vec<String>,
    /// Its addresses.
    pub all: Vec<IpAddr>,
}

/// What happened at one address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Door {
    /// The address.
    pub address: IpAddr,
    /// What happened.
    pub state: DoorState,
}

/// What happened when a proof of our own was asked for at an address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DoorState {
    /// This very Charon answered.
    Ours,
    /// The connection was refused.
    Closed,
    /// Nothing came within the time.
    Silent,
    /// The system knows no way there; its words.
    NoRoute(String),
    /// Something else than HTTP (or, on port 443, TLS) came.
    Foreign,
    /// Another server answered, with this status and, when it says so, this name.
    Other {
        /// The status.
        status: u16,
        /// What it calls itself.
        server: Option<String>,
    },
    /// It sent on to this address.
    Redirect(String),
    /// On port 443: somebody else's handshake.
    OtherTls,
}

/// What is counted for a name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Held {
    /// Validations that failed, within the last hour.
    pub failed_validations: usize,
    /// Certificates that were issued for its registered domain within a week, and how many the authority gives.
    pub issued: Option<(usize, usize)>,
    /// When the certificate that serves ends; `None`: there is none.
    pub ends: Option<Timestamp>,
    /// When it should have been renewed at the latest.
    pub renewal: Option<Timestamp>,
}
