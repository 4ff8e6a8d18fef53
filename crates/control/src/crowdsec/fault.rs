//! What keeps the agent from running, as a sentence with its remedy.

use crowdsec::{LapiError, PrepareError, StartError};

/// Why it does not run.
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) remedy: String,
}

impl Fault {
    pub(super) fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { message: message.into(), remedy: remedy.into() }
    }

    /// A fault without a remedy of its own.
    pub(super) fn other(message: impl Into<String>) -> Self {
        Self::new(message, "read the agent's log on the page Security; Charon tries again by itself")
    }
}

impl From<PrepareError> for Fault {
    fn from(error: PrepareError) -> Self {
        let remedy = match &error {
            PrepareError::File { path, .. } => format!(
                "give the user that runs Charon access to {}, and see that its disk has space; Charon tries again by itself",
                path.display()
            ),
            PrepareError::Index { .. } => {
                "install the package crowdsec anew:  apt-get install --reinstall crowdsec".to_owned()
            }
            PrepareError::Edition { .. } => {
                "go back to an earlier configuration on the page Security".to_owned()
            }
            PrepareError::Command { .. } => {
                "mend what the message names; Charon makes the configuration anew and tries again by itself"
                    .to_owned()
            }
        };
        Self::new(error.to_string(), remedy)
    }
}

impl From<StartError> for Fault {
    fn from(error: StartError) -> Self {
        let remedy = match &error {
            StartError::PortInUse { port, .. } => format!(
                "ask who has it with  ss -ltnp 'sport = :{port}'  and end it (a CrowdSec service of the system:  \
                 systemctl disable --now crowdsec ), or give Charon another port with CHARON_CROWDSEC_PORT; \
                 Charon tries again by itself"
            ),
            _ => "see that the program can be run by the user that runs Charon".to_owned(),
        };
        Self::new(error.to_string(), remedy)
    }
}

impl From<LapiError> for Fault {
    fn from(error: LapiError) -> Self {
        Self::other(error.to_string())
    }
}

/// Runs what blocks on a thread of its own.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Fault::other(error.to_string()))
}
