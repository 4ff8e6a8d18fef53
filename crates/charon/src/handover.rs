//! One process hands its listening sockets and its data folder to the next, so that an upgrade of the binary
//! loses nothing. The two talk over a socket that the new one gets as its standard input:
//!
//! The old one sends its sockets (SCM_RIGHTS, unix(7)); the new one answers that its settings are fine; the old one
//! closes the database and says so; the new one opens it, and says that it serves, or that it failed, and why. Until
//! then the old data plane goes on accepting. The old one answers that it reads UDP sockets (HTTP/3) no more, and the
//! new one begins to. The data folder has one writer at every moment.

use anyhow::{Context, bail};
use proxy::{Listening, QuicHandover};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use serde::{Deserialize, Serialize};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::sync::watch;

/// How long the other process may take for a step; opening a database may include a migration.
const PATIENCE: Duration = Duration::from_secs(120);
/// Descriptors in one message; the kernel takes 253.
const MOST_SOCKETS: usize = 64;
/// No message is longer.
const LONGEST: usize = 16 * 1024;

/// What a listening socket by TCP is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Purpose {
    Http,
    Https,
    Ui,
    Commands,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Message {
    /// The descriptors come with it.
    Sockets(Purpose),
    /// One place of an address of HTTP/3: its socket and its lines come with it ([`QuicHandover`]). All places of an
    /// address are told one after the other.
    Quic {
        address: SocketAddr,
        marks: Vec<[u8; 2]>,
    },
    /// That were all; see [`Sockets::fixed`].
    Complete {
        fixed: bool,
    },
    Prepared,
    Released,
    Serving,
    /// The old one reads no packet of HTTP/3 any more.
    Yielded,
    Failed(String),
}

/// The sockets that a process listens on.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    /// Of the data plane.
    pub(crate) proxy: Vec<Listening>,
    /// Of its HTTP/3.
    pub(crate) quic: Vec<QuicHandover>,
    pub(crate) ui: Option<TcpListener>,
    pub(crate) commands: Option<UnixListener>,
    /// Those of the data plane come from the service manager, which alone says where they listen.
    pub(crate) fixed: bool,
}

/// One end of the conversation.
#[derive(Debug)]
struct Line(OwnedFd);

impl Line {
    fn pair() -> anyhow::Result<(Self, OwnedFd)> {
        let (ours, theirs) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Self(ours), theirs))
    }

    fn say(&self, message: &Message, sockets: &[impl AsFd]) -> anyhow::Result<()> {
        let text = serde_json::to_vec(message)?;
        let sockets: Vec<_> = sockets.iter().map(AsFd::as_fd).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_SOCKETS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !sockets.is_empty() && !control.push(SendAncillaryMessage::ScmRights(&sockets)) {
            bail!("{} sockets do not fit into one message", sockets.len());
        }
        let sent = rustix::net::sendmsg(&self.0, &[IoSlice::new(&text)], &mut control, SendFlags::NOSIGNAL);
        sent.context("the other process is gone").map(drop)
    }

    fn hear(&self) -> anyhow::Result<(Message, Vec<OwnedFd>)> {
        let mut text = [0; LONGEST];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_SOCKETS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        rustix::net::sockopt::set_socket_timeout(
            &self.0,
            rustix::net::sockopt::Timeout::Recv,
            Some(PATIENCE),
        )?;
        let mut into = [IoSliceMut::new(&mut text)];
        let heard = match rustix::net::recvmsg(&self.0, &mut into, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Err(Errno::AGAIN) => bail!("the other process said nothing for {} seconds", PATIENCE.as_secs()),
            heard => heard?,
        };
        if heard.bytes == 0 {
            bail!("the other process ended without a word");
        }
        if heard.flags.contains(ReturnFlags::CTRUNC) {
            bail!(
                "sockets were lost on their way: this process may open too few files (LimitNOFILE=, ulimit -n)"
            );
        }
        let mut sockets = Vec::new();
        for piece in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = piece {
                sockets.extend(rights);
            }
        }
        Ok((serde_json::from_slice(&text[..heard.bytes])?, sockets))
    }
}

/// The old process's view of the new one.
#[derive(Debug)]
pub(crate) struct Successor {
    line: Line,
    child: Child,
}

impl Successor {
    /// Starts `program` and hands it the sockets. Returns when its settings are fine and it wants the data folder.
    ///
    /// # Errors
    /// A sentence that says why it did not come so far. It has ended then.
    pub(crate) fn start(program: &Path, sockets: &Sockets) -> anyhow::Result<Self> {
        let (line, theirs) = Line::pair()?;
        let child = Command::new(program)
            .args(["serve", "--take-over"])
            .stdin(Stdio::from(theirs))
            // Those were for this process alone; the sockets go by another way.
            .env_remove("LISTEN_FDS")
            .env_remove("LISTEN_PID")
            .env_remove("LISTEN_FDNAMES")
            .spawn()
            .with_context(|| format!("{} cannot be started", program.display()))?;
        let mut successor = Self { line, child };
        match successor.introduce(sockets) {
            Ok(()) => Ok(successor),
            Err(error) => {
                successor.end();
                Err(error)
            }
        }
    }

    fn introduce(&mut self, sockets: &Sockets) -> anyhow::Result<()> {
        for listening in &sockets.proxy {
            let purpose = if listening.tls { Purpose::Https } else { Purpose::Http };
            for some in listening.sockets.chunks(MOST_SOCKETS) {
                self.line.say(&Message::Sockets(purpose), some)?;
            }
        }
        for QuicHandover { address, marks, sockets } in &sockets.quic {
            for place in sockets {
                self.line.say(&Message::Quic { address: *address, marks: marks.clone() }, place)?;
            }
        }
        self.line.say(&Message::Sockets(Purpose::Ui), sockets.ui.as_slice())?;
        self.line.say(&Message::Sockets(Purpose::Commands), sockets.commands.as_slice())?;
        self.line.say(&Message::Complete { fixed: sockets.fixed }, NONE)?;
        self.expect_word(|message| matches!(message, Message::Prepared))
    }

    /// The data folder is free: waits until the new process serves.
    ///
    /// # Errors
    /// A sentence that says why it does not. It has ended then.
    pub(crate) fn release(mut self) -> anyhow::Result<Self> {
        let served = self
            .line
            .say(&Message::Released, NONE)
            .and_then(|()| self.expect_word(|message| matches!(message, Message::Serving)));
        match served {
            Ok(()) => Ok(self),
            Err(error) => {
                self.end();
                Err(error)
            }
        }
    }

    /// The number of the new process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// This process reads UDP sockets no more.
    ///
    /// # Errors
    /// When the new process is gone.
    pub(crate) fn yielded(&self) -> anyhow::Result<()> {
        self.line.say(&Message::Yielded, NONE)
    }

    fn expect_word(&mut self, expected: impl Fn(&Message) -> bool) -> anyhow::Result<()> {
        match self.line.hear()?.0 {
            Message::Failed(reason) => bail!("{reason}"),
            message if expected(&message) => Ok(()),
            message => bail!("the new process answered out of turn: {message:?}"),
        }
    }

    /// Sees to it that the new process does not hold the data folder.
    pub(crate) fn end(&mut self) {
        // It may have ended by itself.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

const NONE: &[OwnedFd] = &[];

/// The new process's view of the old one.
#[derive(Debug)]
pub(crate) struct Predecessor {
    line: Line,
    /// True once it reads no UDP socket any more.
    yielded: watch::Sender<bool>,
}

impl Predecessor {
    /// Takes the line to the old process from standard input, and its sockets.
    ///
    /// # Errors
    /// When nobody is there: a person has called `serve --take-over`.
    pub(crate) fn meet() -> anyhow::Result<(Self, Sockets)> {
        let line = Line(std::io::stdin().as_fd().try_clone_to_owned()?);
        let mut sockets = Sockets::default();
        let mut shares: Vec<(bool, Vec<TcpListener>)> = Vec::new();
        loop {
            let (message, given) =
                line.hear().context("--take-over is for `charon upgrade`; call that instead")?;
            match message {
                Message::Complete { fixed } => {
                    sockets.fixed = fixed;
                    break;
                }
                Message::Quic { address, marks } => match sockets.quic.last_mut() {
                    Some(last) if last.address == address => last.sockets.push(given),
                    _ => sockets.quic.push(QuicHandover { address, marks, sockets: vec![given] }),
                },
                Message::Sockets(Purpose::Ui) => sockets.ui = given.into_iter().next().map(TcpListener::from),
                Message::Sockets(Purpose::Commands) => {
                    sockets.commands = given.into_iter().next().map(UnixListener::from);
                }
                Message::Sockets(purpose) => {
                    let given: Vec<_> = given.into_iter().map(TcpListener::from).collect();
                    shares.push((purpose == Purpose::Https, given));
                }
                message => bail!("the process before this one speaks out of turn: {message:?}"),
            }
        }
        sockets.proxy = gather(shares)?;
        Ok((Self { line, yielded: watch::Sender::new(false) }, sockets))
    }

    /// Asks for the data folder and waits until it is free.
    pub(crate) fn prepared(&self) -> anyhow::Result<()> {
        self.line.say(&Message::Prepared, NONE)?;
        match self.line.hear()?.0 {
            Message::Released => Ok(()),
            message => bail!("the process before this one speaks out of turn: {message:?}"),
        }
    }

    /// Whether the UDP sockets may be read.
    pub(crate) fn has_yielded(&self) -> watch::Receiver<bool> {
        self.yielded.subscribe()
    }

    /// This process serves: the old one may go. Returns when the UDP sockets are this one's.
    ///
    /// # Errors
    /// When the old one was gone before.
    pub(crate) fn serving(&self) -> anyhow::Result<()> {
        self.line.say(&Message::Serving, NONE)?;
        if let Err(error) = self.line.hear() {
            tracing::warn!(
                "the process before this one does not say that it reads UDP sockets no more: {error:#}"
            );
        }
        self.yielded.send_replace(true);
        Ok(())
    }

    /// This process gives up: the old one goes on.
    pub(crate) fn failed(&self, reason: &str) {
        if let Err(error) = self.line.say(&Message::Failed(reason.chars().take(2000).collect()), NONE) {
            tracing::warn!("the process before this one cannot be told: {error:#}");
        }
    }
}

/// Sockets of one address belong together.
pub(crate) fn gather(shares: Vec<(bool, Vec<TcpListener>)>) -> anyhow::Result<Vec<Listening>> {
    let mut all: Vec<(bool, SocketAddr, Vec<TcpListener>)> = Vec::new();
    for (tls, given) in shares {
        for socket in given {
            let address = socket.local_addr()?;
            match all.iter_mut().find(|(known, at, _)| *known == tls && *at == address) {
                Some((_, _, sockets)) => sockets.push(socket),
                None => all.push((tls, address, vec![socket])),
            }
        }
    }
    let gathered = all.into_iter().map(|(tls, address, sockets)| {
        Listening::inherit(sockets, tls)
            .with_context(|| format!("the socket for {address} cannot be taken over"))
    });
    gathered.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_sockets_arrive_as_they_were_sent_and_an_end_is_told() {
        let (ours, theirs) = Line::pair().unwrap();
        let theirs = Line(theirs);
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let many: Vec<_> = (0..MOST_SOCKETS).map(|_| socket.try_clone().unwrap()).collect();
        ours.say(&Message::Sockets(Purpose::Https), &many).unwrap();
        ours.say(&Message::Failed("why".to_owned()), NONE).unwrap();
        let (message, given) = theirs.hear().unwrap();
        assert!(matches!(message, Message::Sockets(Purpose::Https)) && given.len() == MOST_SOCKETS);
        let listening = gather(vec![(true, given.into_iter().map(TcpListener::from).collect())]).unwrap();
        assert_eq!((listening.len(), listening[0].address), (1, socket.local_addr().unwrap()));
        assert!(matches!(theirs.hear().unwrap().0, Message::Failed(reason) if reason == "why"));
        drop(ours);
        assert!(theirs.hear().unwrap_err().to_string().contains("ended without a word"));
    }
}
