//! HTTP/3 over an upgrade of the binary: the next process reads the UDP sockets, takes the new connections, and passes
//! packets of connections that the process before still serves on to it. A mark in the ids of connections says whose
//! they are. When the next process ends first, the one before reads its sockets again.

use super::socket::{ID_LENGTH, QuicListening};
use quinn::udp::{EcnCodepoint, RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use serde::{Deserialize, Serialize};
use socket2::{Domain, SockRef, Socket, Type};
use std::io::{self, IoSlice, IoSliceMut, Write};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use tokio::io::ReadBuf;
use tokio::net::UnixDatagram;
use tokio::sync::watch;

/// What the ids of one process have in common, in their second and third byte.
pub(super) type Mark = [u8; 2];
/// Behind the packet, in each message from process to process: an [`Origin`] as JSON, filled up with spaces.
const ORIGIN: usize = 160;
/// No packet is longer.
const LONGEST: usize = 64 * 1024;

/// What a process hands to the next one about an address on which it serves HTTP/3.
#[derive(Debug)]
pub struct QuicHandover {
    /// The address.
    pub address: SocketAddr,
    /// What connections of this process, and of those before it that still finish theirs, are told by.
    pub marks: Vec<[u8; 2]>,
    /// Each socket, and for each mark the line by which that process is told what comes for it there.
    pub sockets: Vec<Vec<OwnedFd>>,
}

/// The processes before, as one socket has them.
#[derive(Debug)]
pub(crate) struct Before {
    pub(super) lines: Vec<(Mark, Socket)>,
    /// True once none of them reads any more; without a sender none is left.
    pub(super) may_read: watch::Receiver<bool>,
}

impl QuicListening {
    /// Takes over what another process served. It is read from when `may_read` is true, or has no sender any more.
    ///
    /// # Errors
    /// When these are not UDP sockets of one address, each with its lines.
    pub fn inherit(handover: QuicHandover, may_read: &watch::Receiver<bool>) -> io::Result<Self> {
        let QuicHandover { address, marks, sockets: given } = handover;
        let wrong = || io::Error::new(io::ErrorKind::InvalidInput, "it is no UDP socket of this address");
        let (mut sockets, mut before) = (Vec::new(), Vec::new());
        for given in given {
            let mut given = given.into_iter();
            let socket = UdpSocket::from(given.next().ok_or_else(wrong)?);
            if SockRef::from(&socket).r#type()? != Type::DGRAM || socket.local_addr()? != address {
                return Err(wrong());
            }
            socket.set_nonblocking(true)?;
            let lines: Vec<_> = given.map(Socket::from).collect();
            for line in &lines {
                if line.r#type()? != Type::SEQPACKET {
                    return Err(wrong());
                }
                line.set_nonblocking(true)?;
            }
            sockets.push(socket);
            let lines = marks.iter().copied().zip(lines).collect();
            before.push(Before { lines, may_read: may_read.clone() });
        }
        if sockets.is_empty() {
            return Err(wrong());
        }
        Ok(Self { address, sockets, mark: mark_beside(&marks), before })
    }
}

/// A mark that no other process has.
pub(super) fn mark_beside(others: &[Mark]) -> Mark {
    loop {
        let mark = base::random::bytes();
        if !others.contains(&mark) {
            return mark;
        }
    }
}

/// What is listened on, kept so that it can be handed on.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) address: SocketAddr,
    mark: Mark,
    /// With the lines to the processes before.
    sockets: Vec<(UdpSocket, Vec<(Mark, Socket)>)>,
    /// Our ends of the lines to the next process, once there is one.
    lines: Vec<Socket>,
}

impl Held {
    /// One more holder of these sockets.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub(crate) fn of(listening: &QuicListening) -> io::Result<Self> {
        let mut sockets = Vec::new();
        for (place, socket) in listening.sockets.iter().enumerate() {
            let before = listening.before.get(place).map_or(&[][..], |before| &before.lines);
            let lines = before.iter().map(|(mark, line)| Ok((*mark, line.try_clone()?)));
            sockets.push((socket.try_clone()?, lines.collect::<io::Result<_>>()?));
        }
        Ok(Self { address: listening.address, mark: listening.mark, sockets, lines: Vec::new() })
    }

    /// What the next process gets.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub(crate) fn offer(&mut self) -> io::Result<QuicHandover> {
        let (mut ours, mut sockets) = (Vec::new(), Vec::new());
        for (socket, before) in &self.sockets {
            let (line, theirs) = Socket::pair(Domain::UNIX, Type::SEQPACKET, None)?;
            line.set_nonblocking(true)?;
            ours.push(line);
            let mut given: Vec<OwnedFd> = vec![socket.try_clone()?.into(), theirs.into()];
            for (_, line) in before {
                given.push(line.try_clone()?.into());
            }
            sockets.push(given);
        }
        self.lines = ours;
        let before = self.sockets.first().into_iter().flat_map(|(_, before)| before);
        let marks = [self.mark].into_iter().chain(before.map(|(mark, _)| *mark)).collect();
        Ok(QuicHandover { address: self.address, marks, sockets })
    }

    /// Our ends of the lines to the next process, by the places of the sockets.
    pub(crate) fn lines(&mut self) -> Vec<Socket> {
        std::mem::take(&mut self.lines)
    }
}

/// A UDP socket that processes share.
#[derive(Debug)]
pub(super) struct Shared {
    own: Arc<dyn AsyncUdpSocket>,
    parties: Mutex<Parties>,
}

#[derive(Debug)]
struct Parties {
    before: Vec<(Mark, Socket)>,
    /// The next process reads the socket, and passes on what is for this one.
    after: Option<After>,
    /// What reads here.
    reader: Waker,
}

#[derive(Debug)]
struct After {
    line: UnixDatagram,
    space: Box<[u8]>,
}

impl Shared {
    pub(super) fn new(own: Arc<dyn AsyncUdpSocket>, before: Vec<(Mark, Socket)>) -> Self {
        Self { own, parties: Mutex::new(Parties { before, after: None, reader: Waker::noop().clone() }) }
    }

    /// From now on the next process reads, and passes what is for us on by this line.
    ///
    /// # Errors
    /// When the line cannot be watched.
    pub(super) fn yield_to(&self, line: Socket) -> io::Result<()> {
        let mut parties = self.parties();
        let line = std::os::unix::net::UnixDatagram::from(OwnedFd::from(line));
        let space = vec![0; LONGEST + ORIGIN].into();
        parties.after = Some(After { line: UnixDatagram::from_std(line)?, space });
        parties.reader.wake_by_ref();
        Ok(())
    }

    fn parties(&self) -> MutexGuard<'_, Parties> {
        self.parties.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncUdpSocket for Shared {
    fn poll_recv(
        &self,
        cx: &mut Context,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut parties = self.parties();
        if !parties.reader.will_wake(cx.waker()) {
            parties.reader = cx.waker().clone();
        }
        if let Some(after) = &mut parties.after {
            match ready!(after.hear(cx, bufs, meta)) {
                Ok(true) => return Poll::Ready(Ok(1)),
                _ => {
                    tracing::warn!("the next process has ended; this one finishes its HTTP/3 without it");
                    parties.after = None;
                }
            }
        }
        let count = ready!(self.own.poll_recv(cx, bufs, meta))?;
        parties.sift(bufs, &mut meta[..count]);
        Poll::Ready(Ok(count))
    }

    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        self.own.clone().create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit) -> io::Result<()> {
        self.own.try_send(transmit)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.own.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.own.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.own.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.own.may_fragment()
    }
}

impl Parties {
    /// Passes on what is for processes before. What is not stays.
    fn sift(&mut self, bufs: &mut [IoSliceMut<'_>], metas: &mut [RecvMeta]) {
        if self.before.is_empty() {
            return;
        }
        for (buf, meta) in bufs.iter_mut().zip(metas) {
            let (stride, length) = (meta.stride.max(1), meta.len);
            let (mut at, mut kept) = (0, 0);
            while at < length {
                let end = length.min(at + stride);
                let mark = mark_of(&buf[at..end]);
                match self.before.iter().position(|(known, _)| mark == Some(*known)) {
                    Some(whose) => {
                        if !tell(&self.before[whose].1, meta, &buf[at..end]) {
                            tracing::debug!("a process before has ended its HTTP/3");
                            self.before.swap_remove(whose);
                        }
                    }
                    None => {
                        buf.copy_within(at..end, kept);
                        kept += end - at;
                    }
                }
                at = end;
            }
            meta.len = kept;
        }
    }
}

/// The mark in the id to which a packet goes, when it has the length of ours (RFC 9000, section 17).
fn mark_of(packet: &[u8]) -> Option<Mark> {
    let id = match packet {
        [first, id @ ..] if first & 0x80 == 0 => id,
        [_, _, _, _, _, length, id @ ..] if usize::from(*length) == ID_LENGTH => id,
        _ => return None,
    };
    id.get(1..3)?.try_into().ok()
}

/// What is known of a packet.
#[derive(Serialize, Deserialize)]
struct Origin {
    from: SocketAddr,
    to: Option<IpAddr>,
    ecn: Option<u8>,
}

/// Tells a process before of a packet; false when it is gone. What does not fit is lost, as on any network, and sent
/// again.
fn tell(mut line: &Socket, meta: &RecvMeta, packet: &[u8]) -> bool {
    let origin = Origin { from: meta.addr, to: meta.dst_ip, ecn: meta.ecn.map(|ecn| ecn as u8) };
    let mut text = [b' '; ORIGIN];
    let told = match serde_json::to_writer(&mut text[..], &origin) {
        Ok(()) => line.write_vectored(&[IoSlice::new(packet), IoSlice::new(&text)]),
        Err(error) => Err(error.into()),
    };
    !told.is_err_and(|error| {
        matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
    })
}

impl After {
    /// Puts the next packet that the next process passes on into the first place; false when that process has ended.
    fn hear(
        &mut self,
        cx: &mut Context,
        bufs: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<bool>> {
        let (Some(buf), Some(meta)) = (bufs.first_mut(), metas.first_mut()) else { return Poll::Pending };
        loop {
            let mut into = ReadBuf::new(&mut self.space);
            ready!(self.line.poll_recv(cx, &mut into))?;
            if into.filled().is_empty() {
                return Poll::Ready(Ok(false));
            }
            // What is not whole is lost, and sent again.
            let Some((packet, text)) = into.filled().split_last_chunk::<ORIGIN>() else { continue };
            let Ok(origin) = serde_json::from_slice::<Origin>(text) else { continue };
            let Some(place) = buf.get_mut(..packet.len()) else { continue };
            place.copy_from_slice(packet);
            *meta = RecvMeta::default();
            (meta.addr, meta.len, meta.stride) = (origin.from, packet.len(), packet.len());
            (meta.ecn, meta.dst_ip) = (origin.ecn.and_then(EcnCodepoint::from_bits), origin.to);
            return Poll::Ready(Ok(true));
        }
    }
}
