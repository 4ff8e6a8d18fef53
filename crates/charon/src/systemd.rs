//! What the service manager gives and wants to know: sockets that it holds for us (sd_listen_fds(3)), and a word
//! when we serve or another process has taken over (sd_notify(3)). Without systemd nothing here does anything.

use crate::boot::Activation;
use listenfd::ListenFd;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;

/// The sockets of a `.socket` unit, by `FileDescriptorName=`: `http`, `https` or `ui`.
///
/// # Errors
/// A sentence when a descriptor has another name, or is no listening TCP socket.
pub(crate) fn sockets(activation: &Activation) -> anyhow::Result<Vec<(String, TcpListener)>> {
    let mut given = ListenFd::from_env();
    let mut found = Vec::new();
    for index in 0..given.len() {
        let name = activation.names.get(index).map_or("", String::as_str);
        if !matches!(name, "http" | "https" | "ui") {
            anyhow::bail!(
                "systemd passes a socket by the name '{name}', and only http, https and ui are known; \
                 write FileDescriptorName= in its socket unit"
            );
        }
        let socket = given.take_tcp_listener(index).map_err(|error| {
            anyhow::anyhow!("the socket {name} that systemd passes is no TCP socket ({error}); write ListenStream= in its unit")
        })?;
        if let Some(socket) = socket {
            // A child must not hold it: the port would stay taken.
            rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
            found.push((name.to_owned(), socket));
        }
    }
    Ok(found)
}

/// Tells the service manager how this process stands, when there is one that wants to know.
pub(crate) fn notify(activation: &Activation, state: &str) {
    let Some(path) = &activation.notify else { return };
    let told = UnixDatagram::unbound().and_then(|socket| {
        let address = match path.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(Path::new(path))?,
        };
        socket.send_to_addr(state.as_bytes(), &address)
    });
    if let Err(error) = told {
        tracing::warn!("the service manager cannot be told '{}': {error}", state.replace('\n', ", "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_manager_is_told_by_datagram_and_its_absence_is_no_fault() {
        let folder = std::env::temp_dir().join(format!("charon-notify-{}", std::process::id()));
        let socket = UnixDatagram::bind(&folder).unwrap();
        let activation = Activation { notify: Some(folder.display().to_string()), ..Activation::default() };
        notify(&activation, "READY=1");
        let mut buffer = [0; 64];
        let count = socket.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..count], b"READY=1");
        std::fs::remove_file(&folder).unwrap();
        notify(&activation, "READY=1");
        notify(&Activation::default(), "READY=1");
    }
}
