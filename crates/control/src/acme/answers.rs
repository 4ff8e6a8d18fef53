//! The answers to the challenges of open orders, as the data plane gives them.

use acme::{Answer, Challenge};
use proxy::Challenges;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Answers by the order that they belong to.
#[derive(Debug, Default)]
pub(super) struct Answers {
    all: BTreeMap<String, Vec<Given>>,
    is_changed: bool,
}

#[derive(Debug)]
struct Given {
    name: String,
    answer: Answer,
    /// The authority was told that it may look; some go on calling a challenge pending while they do.
    is_told: bool,
    /// For TLS-ALPN-01.
    certificate: Option<certs::Issued>,
}

impl Answers {
    /// Gives this answer for a name from the next publication on.
    ///
    /// # Errors
    /// A sentence, when the certificate of TLS-ALPN-01 cannot be made.
    pub(super) fn give(&mut self, order: &str, name: &str, answer: &Answer) -> Result<(), String> {
        let given = self.all.entry(order.to_owned()).or_default();
        let is_it = |known: &Given| known.name == name && known.answer.token == answer.token;
        if given.iter().any(|known| is_it(known) && known.answer.challenge == answer.challenge) {
            return Ok(());
        }
        let certificate = match answer.challenge {
            Challenge::TlsAlpn01 => {
                let made =
                    certs::challenge_certificate(name, &answer.digest).map_err(|error| error.to_string())?;
                Some(made)
            }
            _ => None,
        };
        given.push(Given { name: name.to_owned(), answer: answer.clone(), is_told: false, certificate });
        self.is_changed = true;
        Ok(())
    }

    /// Whether the authority has not been told yet that it may look at this answer. From now on it counts as told.
    pub(super) fn tell(&mut self, order: &str, answer: &Answer) -> bool {
        let given = self.all.get_mut(order).into_iter().flatten();
        let mut given = given
            .filter(|known| known.answer.token == answer.token && known.answer.challenge == answer.challenge);
        given.next().is_some_and(|known| !std::mem::replace(&mut known.is_told, true))
    }

    /// Whether the authority was told that it may look at this answer.
    pub(super) fn is_told(&self, order: &str, answer: &Answer) -> bool {
        let given = self.all.get(order).into_iter().flatten();
        let mut given = given
            .filter(|known| known.answer.token == answer.token && known.answer.challenge == answer.challenge);
        given.any(|known| known.is_told)
    }

    /// The order has ended: nothing is answered for it any more.
    pub(super) fn drop_order(&mut self, order: &str) {
        self.is_changed |= self.all.remove(order).is_some();
    }

    /// Gives up orders that are not among these.
    pub(super) fn keep(&mut self, is_open: impl Fn(&str) -> bool) {
        let before = self.all.len();
        self.all.retain(|order, _| is_open(order));
        self.is_changed |= self.all.len() != before;
    }

    /// Tells the data plane, when something has changed.
    pub(super) fn publish(&mut self, proxy: &proxy::Proxy) -> Result<(), String> {
        if !std::mem::take(&mut self.is_changed) {
            return Ok(());
        }
        let mut challenges = Challenges::default();
        for given in self.all.values().flatten() {
            match (given.answer.challenge, &given.certificate) {
                (Challenge::Http01, _) => {
                    challenges.add_token(&given.answer.token, &given.answer.key_authorization);
                }
                (Challenge::TlsAlpn01, Some(certificate)) => {
                    let key = certificate.key_pem.expose();
                    challenges.add_certificate(&given.name, &certificate.chain_pem, key)?;
                }
                _ => {}
            }
        }
        proxy.answer_challenges((!challenges.is_empty()).then(|| Arc::new(challenges)));
        Ok(())
    }
}
