//! A program on this machine, started without a shell.

use crate::DnsError;
use crate::provider::{Handle, Provider, Wait, plain};
use crate::schema::{Field, FieldError, FieldKind, Kind};
use base::{Clock, Secret};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked whether the program has ended.
const PACE: Duration = Duration::from_millis(20);

pub(super) const KIND: Kind = Kind {
    name: "exec",
    label: "Program",
    fields: &[
        Field::required(
            "program",
            "Program",
            FieldKind::Text,
            "Its absolute path, within the folder that CHARON_DNS_PROGRAMS names.",
        ),
        Field::optional(
            "arguments",
            "Arguments",
            FieldKind::Text,
            "",
            "Put before those of Charon, parted by spaces; there is no shell and no quoting.",
        ),
        Field::optional(
            "secret",
            "Secret",
            FieldKind::Secret,
            "",
            "Reaches the program as CHARON_DNS_SECRET.",
        ),
        Field::optional(
            "time_limit",
            "Time limit in seconds",
            FieldKind::Number(1, 600),
            "60",
            "After it the program is ended.",
        ),
    ],
    one_value: false,
    note: "It is called as `PROGRAM [ARGUMENTS...] present|remove RECORD VALUE`, with the same in `CHARON_DNS_ACTION`, `CHARON_DNS_RECORD` and `CHARON_DNS_VALUE`, and with no other variable than `PATH`. It runs with the rights of Charon; so it must lie in the folder that the variable `CHARON_DNS_PROGRAMS` names at Charon's start, and without that variable no program is run: being an administrator of Charon is not being one of the machine. Status 0 means that it is done, and 3 that the credentials are refused. What it prints is not kept. Other values at the same name must stay, and doing a thing twice must do no harm.",
    build: |settings, means| {
        Ok(Box::new(Exec {
            program: allowed(settings.get("program"), means.programs.as_deref())?,
            arguments: settings.get("arguments").split_whitespace().map(str::to_owned).collect(),
            secret: settings.secret("secret"),
            limit: Duration::from_secs(settings.number("time_limit").into()),
            clock: means.clock.clone(),
        }))
    },
};

/// The program, when it lies in the folder that the owner of the machine has named. Whoever administers Charon could
/// else run anything as its user.
fn allowed(program: &str, folder: Option<&Path>) -> Result<PathBuf, FieldError> {
    let wrong = |reason: String| FieldError { field: "program".to_owned(), reason };
    let Some(folder) = folder else {
        let reason = "cannot be used: programs are not allowed here; start Charon with CHARON_DNS_PROGRAMS set to the \
                      folder that holds them";
        return Err(wrong(reason.to_owned()));
    };
    if !program.starts_with('/') {
        return Err(wrong("must be an absolute path: it begins with /".to_owned()));
    }
    let found = Path::new(program).canonicalize();
    let found = found.map_err(|error| wrong(format!("cannot be found: {}", error.kind())))?;
    let inside = folder.canonicalize().is_ok_and(|folder| found.starts_with(folder));
    if inside && found.is_file() {
        return Ok(found);
    }
    Err(wrong(format!("must be a file in {}, the folder of CHARON_DNS_PROGRAMS", folder.display())))
}

#[derive(Debug)]
struct Exec {
    program: PathBuf,
    arguments: Vec<String>,
    secret: Secret<String>,
    limit: Duration,
    clock: Arc<dyn Clock>,
}

impl Exec {
    async fn run(&self, action: &str, record: &str, value: &str) -> Result<(), DnsError> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).args([action, record, value]).env_clear();
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command
            .env("CHARON_DNS_ACTION", action)
            .env("CHARON_DNS_RECORD", record)
            .env("CHARON_DNS_VALUE", value);
        if !self.secret.expose().is_empty() {
            command.env("CHARON_DNS_SECRET", self.secret.expose());
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().map_err(|error| DnsError::Unreachable {
            reason: format!("the program does not start: {}", error.kind()),
        })?;
        let mut running = Running(child);
        let end = self.clock.monotonic() + self.limit;
        loop {
            let ended = running.0.try_wait().map_err(|error| DnsError::failed(error.kind().to_string()))?;
            match ended.map(|status| status.code()) {
                Some(Some(0)) => return Ok(()),
                Some(Some(3)) => {
                    return Err(DnsError::Refused { reason: "the program ended with status 3".to_owned() });
                }
                Some(Some(code)) => {
                    return Err(DnsError::failed(format!("the program ended with status {code}")));
                }
                Some(None) => return Err(DnsError::failed("the program was ended by a signal")),
                None if self.clock.monotonic() >= end => {
                    let reason = format!("the program has not ended within {} s", self.limit.as_secs());
                    return Err(DnsError::Unreachable { reason });
                }
                None => tokio::time::sleep(PACE).await,
            }
        }
    }
}

/// Ends the program with the wait for it.
#[derive(Debug)]
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both do nothing to one that has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Provider for Exec {
    fn present<'a>(&'a self, record: &'a str, value: &'a str) -> Wait<'a, Handle> {
        Box::pin(async move {
            let record = plain(record);
            self.run("present", &record, value).await?;
            Ok(Handle { record, value: value.to_owned() })
        })
    }

    fn remove<'a>(&'a self, handle: &'a Handle) -> Wait<'a, ()> {
        Box::pin(self.run("remove", &handle.record, &handle.value))
    }
}
