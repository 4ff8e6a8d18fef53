//! UDP sockets for QUIC: one per worker at one address. The kernel shares packets out by the connection id in them, so
//! that those of one connection reach one worker wherever the client moves to.

use super::handover::{Before, Mark, mark_beside};
use crate::StartError;
use quinn::{ConnectionId, ConnectionIdGenerator};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

/// Bytes that wait in a socket, so far as the system grants that many.
const BUFFER: usize = 4 * 1024 * 1024;
/// Bytes of the connection ids that we give out.
pub(super) const ID_LENGTH: usize = 8;

/// The sockets of one address.
#[derive(Debug)]
pub struct QuicListening {
    pub(crate) address: SocketAddr,
    pub(crate) sockets: Vec<UdpSocket>,
    pub(crate) mark: Mark,
    /// The processes before, by the places of the sockets: those that hand these to us.
    pub(crate) before: Vec<Before>,
}

impl QuicListening {
    /// Binds an address, with one socket per worker; with one alone where the system cannot tell connections apart.
    ///
    /// # Errors
    /// A sentence that names the address and what to do.
    pub fn bind(address: SocketAddr, workers: usize) -> Result<Self, StartError> {
        let fault = |error: io::Error| match error.kind() {
            io::ErrorKind::AddrInUse => StartError::UdpInUse { address },
            _ => StartError::bind(address, error),
        };
        // With SO_REUSEPORT alone, two processes of one user would silently share the port.
        drop(open(address, false).map_err(fault)?);
        let first = open(address, true).map_err(fault)?;
        // The first byte of an id tells them apart.
        let workers = workers.clamp(1, usize::from(u8::MAX));
        let address = first.local_addr().map_err(fault)?;
        let mut sockets = vec![first];
        if workers > 1 {
            match share_out(&sockets[0], workers) {
                Ok(()) => {
                    for _ in 1..workers {
                        sockets.push(open(address, true).map_err(fault)?);
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "HTTP/3 uses one worker only: the system shares no packets out by connection");
                }
            }
        }
        Ok(Self { address, sockets, mark: mark_beside(&[]), before: Vec::new() })
    }

    /// The address, with its real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn open(address: SocketAddr, share: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_port(share)?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        // `[::]` takes IPv4 too.
        socket.set_only_v6(false)?;
    }
    // A smaller buffer loses packets sooner, which are sent again.
    let _ = socket.set_recv_buffer_size(BUFFER);
    let _ = socket.set_send_buffer_size(BUFFER);
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// One instruction of a classic packet filter (bpf(4)).
const fn step(code: u32, if_true: u8, if_false: u8, value: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: if_true, jf: if_false, k: value }
}

/// Makes the sockets that are bound to the address of this one a group of `count`, of which the first byte of a packet's
/// connection id picks one.
fn share_out(socket: &UdpSocket, count: usize) -> io::Result<()> {
    use libc::{BPF_ABS, BPF_ALU, BPF_B, BPF_JA, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_MOD, BPF_RET};
    /// `BPF_A`: the accumulator.
    const ACCUMULATOR: u32 = 0x10;
    let count = u32::try_from(count).map_err(io::Error::other)?;
    let mut program = [
        // Packets with a long header (RFC 9000, section 17.2) have the id behind its length, others at once.
        step(BPF_LD | BPF_B | BPF_ABS, 0, 0, 0),
        step(BPF_JMP | BPF_JSET | BPF_K, 2, 0, 0x80),
        step(BPF_LD | BPF_B | BPF_ABS, 0, 0, 1),
        step(BPF_JMP | BPF_JA, 0, 0, 1),
        step(BPF_LD | BPF_B | BPF_ABS, 0, 0, 6),
        step(BPF_ALU | BPF_MOD | BPF_K, 0, 0, count),
        step(BPF_RET | ACCUMULATOR, 0, 0, 0),
    ];
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    let size = libc::socklen_t::try_from(size_of_val(&program)).map_err(io::Error::other)?;
    #[expect(unsafe_code, reason = "no crate in use knows this socket option")]
    // SAFETY: the option takes a `sock_fprog`, which lives until the call is over, and so does what it points to.
    let result = unsafe {
        let (level, option) = (libc::SOL_SOCKET, libc::SO_ATTACH_REUSEPORT_CBPF);
        libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const program).cast(), size)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Gives out connection ids by which the kernel finds the worker, and processes find each other's. The first byte is
/// random but for the worker.
#[derive(Clone, Copy, Debug)]
pub(super) struct WorkerIds {
    place: u8,
    count: u8,
    mark: Mark,
}

impl WorkerIds {
    /// For the worker at this place among so many sockets.
    pub(super) fn new(place: usize, count: usize, mark: Mark) -> Self {
        let small = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
        Self { place: small(place), count: small(count).max(1), mark }
    }

    fn first(self, random: u8) -> u8 {
        let first = random - random % self.count;
        // The last group of bytes may not be whole.
        first.checked_add(self.place).unwrap_or(self.place)
    }
}

impl ConnectionIdGenerator for WorkerIds {
    fn generate_cid(&mut self) -> ConnectionId {
        let mut id: [u8; ID_LENGTH] = base::random::bytes();
        id[0] = self.first(id[0]);
        id[1..3].copy_from_slice(&self.mark);
        ConnectionId::new(&id)
    }

    fn cid_len(&self) -> usize {
        ID_LENGTH
    }

    fn cid_lifetime(&self) -> Option<std::time::Duration> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_id_leads_to_its_worker() {
        for count in 1..=255 {
            for place in [0, count / 2, count - 1] {
                let ids = WorkerIds::new(place, count, [0; 2]);
                assert!(
                    (0..=255).all(|random| usize::from(ids.first(random)) % count == place),
                    "{place}/{count}"
                );
            }
        }
    }

    #[test]
    fn the_kernel_shares_packets_out_by_the_id_in_them() {
        let listening = QuicListening::bind("127.0.0.1:0".parse().unwrap(), 3).unwrap();
        assert_eq!(listening.sockets.len(), 3);
        let error = QuicListening::bind(listening.address(), 1).unwrap_err();
        assert!(error.to_string().contains("UDP"), "{error}");
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        for (place, socket) in listening.sockets.iter().enumerate() {
            socket.set_nonblocking(false).unwrap();
            socket.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
            let id = u8::try_from(201 + place).unwrap();
            let (short, long) = ([0x40, id, 9, 9, 9, 9, 9, 9], [0xc0, 0, 0, 0, 1, 8, id, 9]);
            for packet in [short, long] {
                client.send_to(&packet, listening.address()).unwrap();
                let mut received = [0; 8];
                assert_eq!(socket.recv(&mut received).unwrap(), 8);
                assert_eq!(received, packet);
            }
        }
    }
}
