//! What is measured. One line makes a case.

/// Which generator makes the load, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Load {
    /// wrk with this many connections.
    Http1 { connections: u32 },
    /// wrk, a POST with a body of so many bytes.
    Post { connections: u32, body: usize },
    /// Our own generator, a new TLS connection and a full handshake for each request.
    NewConnections { connections: u32 },
    /// h2load with so many connections and streams on each.
    Http2 { connections: u32, streams: u32 },
    /// Our own generator with so many connections and streams on each; no streams are a new connection for each request.
    Http3 { connections: u32, streams: u32 },
}

/// The certificate that the client asks for by name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Key {
    /// ECDSA P-256, of `localhost`.
    Ecdsa,
    /// RSA-2048, of `rsa.localhost`.
    Rsa,
}

/// The largest part of a peer's time that Charon may need.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    /// Of the newest nginx.
    pub(crate) nginx: f64,
    /// Of the HAProxy that needs least.
    pub(crate) haproxy: f64,
    pub(crate) caddy: f64,
}

/// One case.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) tls: bool,
    /// Path at the origin: it says how long the answer is.
    pub(crate) path: &'static str,
    pub(crate) load: Load,
    pub(crate) key: Key,
    pub(crate) target: Option<Target>,
}

impl Case {
    /// Bytes of the answer's body.
    pub(crate) fn length(&self) -> usize {
        match self.path {
            "/1k" => 1024,
            "/64k" => 65536,
            _ => 0,
        }
    }

    /// Whether a contestant without QUIC has to sit it out.
    pub(crate) fn needs_quic(&self) -> bool {
        matches!(self.load, Load::Http3 { .. })
    }

    /// Whether each request has a connection and a full handshake of its own.
    pub(crate) fn is_handshake(&self) -> bool {
        matches!(self.load, Load::NewConnections { .. } | Load::Http3 { streams: 0, .. })
    }

    const fn target(mut self, nginx: f64, haproxy: f64, caddy: f64) -> Self {
        self.target = Some(Target { nginx, haproxy, caddy });
        self
    }

    const fn rsa(mut self) -> Self {
        self.key = Key::Rsa;
        self
    }
}

const fn case(name: &'static str, tls: bool, path: &'static str, load: Load) -> Case {
    Case { name, tls, path, load, key: Key::Ecdsa, target: None }
}

/// All cases, in their order.
pub(crate) const CASES: &[Case] = &[
    case("h1 1 KB", false, "/1k", Load::Http1 { connections: 32 }).target(0.90, 0.90, 0.20),
    case("h1 64 KB", false, "/64k", Load::Http1 { connections: 32 }),
    case("h1 POST 4 KB echo", false, "/echo", Load::Post { connections: 32, body: 4096 }),
    case("TLS h1 1 KB", true, "/1k", Load::Http1 { connections: 32 }).target(0.85, 0.85, 0.20),
    case("TLS h1 64 KB", true, "/64k", Load::Http1 { connections: 32 }).target(0.75, 0.80, 0.30),
    case("TLS h2 1 KB", true, "/1k", Load::Http2 { connections: 8, streams: 16 }).target(0.65, 0.90, 0.12),
    case("TLS handshake", true, "/1k", Load::NewConnections { connections: 16 }).target(0.75, 0.65, 0.65),
    case("TLS handshake RSA-2048", true, "/1k", Load::NewConnections { connections: 16 }).rsa(),
    case("h3 1 KB", true, "/1k", Load::Http3 { connections: 8, streams: 16 }).target(0.65, 0.80, 0.15),
    case("h3 64 KB", true, "/64k", Load::Http3 { connections: 8, streams: 4 }).target(1.0, 0.30, 0.30),
    case("h3 handshake", true, "/1k", Load::Http3 { connections: 16, streams: 0 }),
];
