//! CrowdSec of another machine: its LAPI is asked as the local one is, and nothing is started here. What keeps it from
//! working is said in words, with what mends it.

use super::fault::Fault;
use super::state::{CrowdSec, Phase};
use crowdsec::{Access, Lapi, LapiError};
use store::Store;
use store::crowdsec_external::{self, External};

/// How the first try with an address and credentials has gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trial {
    /// Everything works.
    pub works: bool,
    /// What was found, as a sentence.
    pub message: String,
    /// What mends it; empty when everything works.
    pub remedy: String,
}

/// Tries an address and credentials, and changes nothing.
pub async fn try_out(external: &External) -> Trial {
    let tried = async {
        let lapi = Lapi::new(access(external)).map_err(|error| fault(&error, external))?;
        lapi.check().await.map_err(|error| fault(&error, external))?;
        if lapi.has_machine() {
            lapi.login().await.map_err(|error| machine_fault(&error, external))?;
        }
        Ok::<_, Fault>(sentence(&lapi))
    };
    match tried.await {
        Ok(message) => Trial { works: true, message, remedy: String::new() },
        Err(Fault { message, remedy }) => Trial { works: false, message, remedy },
    }
}

/// The LAPI of another machine, as it was set when it was asked last.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    known: Option<(External, Lapi)>,
}

impl Elsewhere {
    /// Asks it whether it answers and knows Charon.
    pub(super) async fn look(&mut self, store: &Store, shared: &CrowdSec) -> Result<String, Fault> {
        let external = crowdsec_external::get(store).await.map_err(|error| {
            Fault::new(
                format!("what is stored of the other machine cannot be used: {error}"),
                "enter the key of LAPI anew on the page of CrowdSec",
            )
        })?;
        if external.url.is_empty() {
            shared.set_lapi(None);
            return Err(Fault::new(
                "no address of a LAPI is set",
                "enter it on the page of CrowdSec, under Configuration",
            ));
        }
        let lapi = match self.known.take().filter(|(known, _)| *known == external) {
            Some((_, lapi)) => lapi,
            None => Lapi::new(access(&external)).map_err(|error| {
                shared.set_lapi(None);
                fault(&error, &external)
            })?,
        };
        let other = shared.lapi().is_none_or(|used| used.access() != lapi.access());
        if other {
            tracing::info!("decisions come from the LAPI at {}", external.url);
            shared.set_lapi(Some(lapi.clone()));
        }
        let checked = lapi.check().await;
        self.known = Some((external.clone(), lapi.clone()));
        checked.map_err(|error| fault(&error, &external))?;
        let fresh = other || shared.state().phase != Phase::Running;
        let message = sentence(&lapi);
        shared.tell(|state| {
            state.phase = Phase::Running;
            state.message.clone_from(&message);
            state.remedy.clear();
        });
        if fresh {
            shared.hurry();
            shared.prove.call();
            return Ok(message);
        }
        Ok(format!("nothing to do: {message}"))
    }
}

fn access(external: &External) -> Access {
    let External { url, api_key, certificate, private_key, authorities, machine, password } =
        external.clone();
    Access {
        url,
        key: Some(api_key).filter(|key| !key.expose().is_empty()),
        certificate: (!certificate.is_empty()).then_some((certificate, private_key)),
        authorities: Some(authorities).filter(|text| !text.is_empty()),
        machine: (!machine.is_empty()).then_some((machine, password)),
    }
}

fn sentence(lapi: &Lapi) -> String {
    let Access { url, certificate, machine, .. } = lapi.access();
    let known = if certificate.is_some() { "takes Charon's certificate" } else { "knows Charon's key" };
    let login = if machine.is_some() { "" } else { "; no login of a machine is set" };
    format!("LAPI at {url} answers and {known}{login}")
}

/// What the answer means to the person who has set the address.
fn fault(error: &LapiError, external: &External) -> Fault {
    let url = &external.url;
    let with_certificate = !external.certificate.is_empty();
    let remedy = match error {
        LapiError::Invalid { .. } => "correct it on the page of CrowdSec, under Configuration".to_owned(),
        // By TLS 1.3 a client's certificate is refused once the connection stands, by closing it.
        LapiError::Cut { .. } if with_certificate => tls_remedy("client certificate", true),
        LapiError::Cut { .. } => {
            format!("see what listens at {url}, and the log of CrowdSec there; Charon tries again by itself")
        }
        LapiError::Unreachable { .. } => format!(
            "see that CrowdSec runs there and listens on an address that this machine reaches (listen_uri under \
             api.server in its config.yaml; 127.0.0.1 is for itself alone), that no firewall stands between, and try \
             from here:  curl {url}/health"
        ),
        LapiError::Tls { reason, .. } => tls_remedy(reason, with_certificate),
        LapiError::NeedsTls { .. } => "write the address with https://".to_owned(),
        LapiError::Credentials { .. } if with_certificate => {
            "see that the organisational unit (OU) of the client certificate stands under bouncers_allowed_ou in \
             api.server.tls of its config.yaml, and that the certificate is not revoked"
                .to_owned()
        }
        LapiError::Credentials { .. } => {
            "make a key on the machine of CrowdSec:  cscli bouncers add charon  and enter it on the page of CrowdSec"
                .to_owned()
        }
        LapiError::Status { status: 404, .. } => format!(
            "there is something else than LAPI at {url}: see that port and path are right; the path has nothing of \
             /v1 in it"
        ),
        LapiError::Status { status: 300..=399, .. } => {
            "the address is moved elsewhere, and Charon does not follow: write the last address".to_owned()
        }
        LapiError::Status { status: 500.., .. } => {
            "see the log of CrowdSec on its machine; Charon tries again by itself".to_owned()
        }
        LapiError::Status { .. } | LapiError::Garbled { .. } => {
            format!("there is something else than LAPI at {url}: see that host, port and path are right")
        }
        LapiError::NoMachine => "enter the login of a machine on the page of CrowdSec".to_owned(),
    };
    let message = match error {
        LapiError::Credentials { status, .. } if with_certificate => {
            format!("LAPI at {url} does not take Charon's client certificate (status {status})")
        }
        LapiError::Credentials { status, .. } => {
            format!("LAPI at {url} does not know Charon's key (status {status})")
        }
        LapiError::Cut { .. } if with_certificate => {
            format!(
                "LAPI at {url} ends the connection when Charon shows its client certificate: it refuses the certificate"
            )
        }
        LapiError::Status { status, .. } => format!("{url} does not answer as a LAPI: status {status}"),
        LapiError::Garbled { .. } => format!("{url} answers, and is no LAPI"),
        other => other.to_string(),
    };
    Fault::new(message, remedy)
}

fn tls_remedy(reason: &str, with_certificate: bool) -> String {
    if reason.contains("not trusted") || reason.contains("has not signed") {
        "enter the certificate of the authority that has signed LAPI's certificate".to_owned()
    } else if reason.contains("another name") {
        "write the address with the name that stands in LAPI's certificate, or give LAPI a certificate with this name"
            .to_owned()
    } else if reason.contains("does not speak TLS") {
        "write the address with http://, or switch TLS on at LAPI (api.server.tls in its config.yaml)"
            .to_owned()
    } else if reason.contains("expired") {
        "give LAPI a new certificate".to_owned()
    } else if reason.contains("client certificate") && with_certificate {
        "see that the client certificate was signed by the authority of ca_cert_path in api.server.tls of LAPI's \
         config.yaml, and has not ended"
            .to_owned()
    } else if reason.contains("client certificate") {
        "enter a client certificate in place of the key".to_owned()
    } else {
        "see the certificate of LAPI, and what its log says".to_owned()
    }
}

fn machine_fault(error: &LapiError, external: &External) -> Fault {
    match error {
        LapiError::Credentials { message, .. } => Fault::new(
            format!("LAPI refuses the login of the machine '{}': {message}", external.machine),
            "make one on the machine of CrowdSec:  cscli machines add charon --auto --file -  and enter name and password; \
             or leave both empty",
        ),
        other => fault(other, external),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_names_what_mends_it() {
        let external = External { url: "https://lapi.example".to_owned(), ..External::default() };
        let with = External { certificate: "pem".to_owned(), ..external.clone() };
        let tls = |reason: &str| LapiError::Tls { address: "a".to_owned(), reason: reason.to_owned() };
        let status = |status| LapiError::Status { path: "/".to_owned(), status, message: String::new() };
        let refused = LapiError::Credentials { status: 403, message: String::new() };
        for (error, external, part) in [
            (
                tls("its certificate comes from an authority that is not trusted here"),
                &external,
                "of the authority",
            ),
            (tls("its certificate is for another name"), &external, "with the name that stands in"),
            (tls("it does not speak TLS there"), &external, "http://"),
            (tls("it refuses the client certificate"), &with, "ca_cert_path"),
            (tls("it asks for a client certificate"), &external, "in place of the key"),
            (LapiError::Cut { address: "a".to_owned(), reason: String::new() }, &with, "ca_cert_path"),
            (LapiError::NeedsTls { address: "a".to_owned() }, &external, "https://"),
            (refused.clone(), &external, "cscli bouncers add"),
            (refused, &with, "bouncers_allowed_ou"),
            (status(404), &external, "port and path"),
            (status(302), &external, "last address"),
            (status(502), &external, "the log of CrowdSec"),
            (LapiError::Garbled { path: "/".to_owned(), reason: String::new() }, &external, "something else"),
            (
                LapiError::Unreachable { address: "a".to_owned(), reason: String::new() },
                &external,
                "curl https://lapi.example/health",
            ),
        ] {
            let found = fault(&error, external);
            assert!(found.remedy.contains(part), "{error:?}: {}", found.remedy);
        }
    }
}
