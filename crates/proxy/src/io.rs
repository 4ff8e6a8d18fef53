//! A byte stream of either kind, plain TCP or TLS, in either direction.

use crate::buffers::Inbox;
use crate::sweep::Deadline;
use crate::upstream::h2::Memory;
use crate::worker::Worker;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsStream;

/// An open connection, to a client or to an origin.
#[derive(Debug)]
pub(crate) enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// Origins only.
    Unix(UnixStream),
    /// Origins only: one stream of an HTTP/2 connection.
    Memory(Box<Memory>),
}

impl Io {
    /// Reads once into `into`, which must not be empty. `Ready(Ok(0))` is the end.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut read = ReadBuf::new(into);
        self.poll_read_buf(cx, &mut read).map_ok(|()| read.filled().len())
    }

    /// The same into memory that need not be initialised.
    pub(crate) fn poll_read_buf(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, into),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_read(cx, into),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, into),
            Self::Memory(stream) => Pin::new(&mut stream.bytes).poll_read(cx, into),
        }
    }

    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = match self {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_write(cx, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Memory(stream) => Pin::new(&mut stream.bytes).poll_write(cx, bytes),
        };
        refuse_zero(polled, bytes.is_empty())
    }

    /// Writes two pieces with one system call or TLS record where the kernel takes both.
    pub(crate) fn poll_write_two(
        &mut self,
        cx: &mut Context<'_>,
        first: &[u8],
        second: &[u8],
    ) -> Poll<io::Result<usize>> {
        if first.is_empty() || second.is_empty() {
            return self.poll_write(cx, if first.is_empty() { second } else { first });
        }
        let pieces = [IoSlice::new(first), IoSlice::new(second)];
        let polled = match self {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, &pieces),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_write_vectored(cx, &pieces),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, &pieces),
            Self::Memory(stream) => Pin::new(&mut stream.bytes).poll_write_vectored(cx, &pieces),
        };
        refuse_zero(polled, false)
    }

    /// TLS keeps written bytes until they are flushed; plain TCP does not.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(_) | Self::Unix(_) | Self::Memory(_) => Poll::Ready(Ok(())),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_flush(cx),
        }
    }

    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Memory(stream) => Pin::new(&mut stream.bytes).poll_shutdown(cx),
        }
    }

    /// The TCP connection below, when it is this one's alone.
    fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Plain(stream) => Some(stream),
            Self::Tls(stream) => Some(stream.get_ref().0),
            Self::Unix(_) | Self::Memory(_) => None,
        }
    }

    /// Whether TLS has agreed on HTTP/2.
    pub(crate) fn agreed_on_http2(&self) -> bool {
        matches!(self, Self::Tls(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2"))
    }

    /// Makes the coming close a reset, so that the other side cannot take a cut answer for a whole one.
    pub(crate) fn reset_on_close(&self) {
        // A socket that is already gone needs no reset.
        if let Some(stream) = self.tcp() {
            let _ = stream.set_zero_linger();
        }
    }

    /// Whether an idle connection has ended or holds bytes that nobody asked for. Costs no system call
    /// unless the reactor has already seen that there is something to read.
    pub(crate) fn is_stale(&mut self) -> bool {
        match self {
            Self::Plain(stream) => {
                !matches!(stream.try_read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
            }
            // Carries one exchange.
            Self::Memory(_) => true,
            Self::Unix(stream) => {
                !matches!(stream.try_read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
            }
            // Session tickets may lie unread in a TLS stream; reading through TLS takes them in.
            Self::Tls(stream) => {
                let mut byte = [0];
                let mut read = ReadBuf::new(&mut byte);
                Pin::new(&mut **stream)
                    .poll_read(&mut Context::from_waker(Waker::noop()), &mut read)
                    .is_ready()
            }
        }
    }

    /// After the other side has ended: whether not one of the last `written` bytes had reached it by then.
    ///
    /// With TLS these are bytes before encryption, of which the first record holds at least the head of a
    /// request; a record can only be read whole, and all records together add less than such a head is long.
    pub(crate) fn never_arrived(&self, written: u64) -> bool {
        self.tcp().and_then(unconfirmed).is_some_and(|count| count >= written)
    }

    /// As [`Io::is_stale`], but asks the kernel: for requests that must not be sent twice.
    pub(crate) fn has_pending_input(&self) -> bool {
        let mut byte = [std::mem::MaybeUninit::uninit()];
        let peeked = match self {
            Self::Plain(stream) => socket2::SockRef::from(stream).peek(&mut byte),
            Self::Tls(stream) => socket2::SockRef::from(stream.get_ref().0).peek(&mut byte),
            Self::Unix(stream) => socket2::SockRef::from(stream).peek(&mut byte),
            Self::Memory(_) => return true,
        };
        !matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

/// Bytes that were written and that the other side's kernel has not confirmed. Confirmations are cumulative:
/// when it is at least what was written last, none of that had arrived when this side heard last of the other.
#[expect(unsafe_code, reason = "no safe interface gives the length of a socket's send queue")]
fn unconfirmed(stream: &TcpStream) -> Option<u64> {
    let mut count: libc::c_int = 0;
    // SAFETY: SIOCOUTQ (the same number as TIOCOUTQ) writes one int, which lives until after the call, and the
    // descriptor is that of an open socket.
    let result = unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCOUTQ, &mut count) };
    (result == 0).then(|| u64::try_from(count).ok()).flatten()
}

/// How long, and how much, is read after the last answer of a connection. Closing with unread bytes would be a
/// reset, which can destroy the answer on its way.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 512 * 1024;

/// Ends a connection so that what was sent last arrives.
pub(crate) async fn linger(io: &mut Io, inbox: &mut Inbox, worker: &Worker, deadline: &Deadline) {
    worker.sweep.arm(deadline, LINGER);
    let mut left = LINGER_BYTES;
    let mut closed = false;
    let lingered = poll_fn(|cx| {
        loop {
            if !closed {
                ready!(io.poll_shutdown(cx))?;
                closed = true;
            }
            inbox.clear(&worker.buffers);
            let count = ready!(inbox.poll_fill(io, cx, &worker.buffers))?;
            left = left.saturating_sub(count);
            if count == 0 || left == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    });
    // Whatever happens here, the connection is over.
    let _ = deadline.within(lingered).await;
    inbox.clear(&worker.buffers);
}

fn refuse_zero(polled: Poll<io::Result<usize>>, nothing_to_write: bool) -> Poll<io::Result<usize>> {
    match polled {
        Poll::Ready(Ok(0)) if !nothing_to_write => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        polled => polled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    /// A connection on which `origin` does something after 100 bytes were written; what is read of it then, and
    /// whether the bytes are known not to have arrived.
    fn write_and_look(
        before: impl FnOnce(&mut std::net::TcpStream),
        after: impl FnOnce(&mut std::net::TcpStream),
    ) -> (io::Result<usize>, bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _guard = runtime.enter();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut origin, _) = listener.accept().unwrap();
        client.set_nonblocking(true).unwrap();
        let mut io = Io::Plain(TcpStream::from_std(client).unwrap());
        // Something that has arrived long ago.
        let write = |io: &mut Io, bytes: &[u8]| {
            runtime.block_on(poll_fn(|cx| io.poll_write(cx, bytes))).unwrap();
        };
        write(&mut io, &[b'x'; 500]);
        origin.read_exact(&mut [0; 500]).unwrap();
        origin.write_all(b"y").unwrap();
        assert_eq!(runtime.block_on(poll_fn(|cx| io.poll_read(cx, &mut [0; 9]))).unwrap(), 1);
        before(&mut origin);
        write(&mut io, &[b'x'; 100]);
        after(&mut origin);
        drop(origin);
        let read = runtime.block_on(poll_fn(|cx| io.poll_read(cx, &mut [0; 9])));
        (read, io.never_arrived(100))
    }

    #[test]
    fn what_was_written_to_an_origin_that_had_closed_has_never_arrived() {
        let close = |origin: &mut std::net::TcpStream| {
            origin.shutdown(std::net::Shutdown::Both).unwrap();
        };
        assert!(matches!(write_and_look(close, |_| {}), (Ok(0), true)));
    }

    #[test]
    fn what_an_origin_has_taken_before_it_closed_has_arrived() {
        let read = |origin: &mut std::net::TcpStream| origin.read_exact(&mut [0; 100]).unwrap();
        assert!(matches!(write_and_look(|_| {}, read), (Ok(0), false)));
        // Closing with unread bytes is a reset, which proves nothing.
        let read = |origin: &mut std::net::TcpStream| origin.read_exact(&mut [0; 50]).unwrap();
        assert!(matches!(write_and_look(|_| {}, read), (Err(_), _)));
    }
}
