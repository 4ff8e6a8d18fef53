//! The answers to the challenges of open orders, as the data plane gives them. They are kept in the rows of the orders,
//! so that they are given again from the first connection after a restart: an authority may look at any moment.

use acme::{Answer, Challenge};
use proxy::Challenges;
use std::collections::BTreeMap;
use std::sync::Arc;
use store::Store;
use store::acme_orders::{self, AcmeOrder};

/// Gives the answers of orders that were open when Charon ended, before anybody can ask.
pub async fn answer_first(store: &Store, proxy: &proxy::Proxy) {
    let mut answers = Answers::new();
    let published = match acme_orders::answered(store).await {
        Ok(orders) => {
            answers.restore(&orders);
            answers.publish(proxy)
        }
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = published {
        tracing::warn!("an authority that looks right now at an open order finds no answer: {error}");
    }
}

/// Answers by the order that they belong to.
#[derive(Debug)]
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
    /// None. The next publication happens in any case: what the data plane answers may be of a time before.
    pub(super) fn new() -> Self {
        Self { all: BTreeMap::new(), is_changed: true }
    }

    /// Gives what is kept in the rows of orders that are open.
    pub(super) fn restore(&mut self, orders: &[AcmeOrder]) {
        for (order, kept) in
            orders.iter().flat_map(|order| order.progress.answers.iter().map(move |kept| (order, kept)))
        {
            // A row that somebody has edited is none.
            let Some(challenge) = Challenge::named(&kept.challenge) else { continue };
            let answer = Answer::new(challenge, &kept.token, &kept.key_authorization, true);
            if let Err(error) = self.give(&order.uuid, &kept.name, &answer) {
                tracing::warn!("{}: its challenge cannot be answered: {error}", kept.name);
            }
        }
    }

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

    /// The authority was told that it may look at this answer.
    pub(super) fn tell(&mut self, order: &str, answer: &Answer) {
        let given = self.all.get_mut(order).into_iter().flatten();
        for known in given
            .filter(|known| known.answer.token == answer.token && known.answer.challenge == answer.challenge)
        {
            known.is_told = true;
        }
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
