//! What is measured. One line makes a case.

/// Which generator makes the load, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Load {
    /// wrk with this many connections.
    Http1 { connections: u32 },
    /// wrk, a POST with a body of so many bytes.
    Post { connections: u32, body: usize },
    /// wrk, a new connection for each request.
    NewConnections { connections: u32 },
    /// h2load with so many connections and streams on each.
    Http2 { connections: u32, streams: u32 },
}

/// One case.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) tls: bool,
    /// Path at the origin: it says how long the answer is.
    pub(crate) path: &'static str,
    pub(crate) load: Load,
}

const fn case(name: &'static str, tls: bool, path: &'static str, load: Load) -> Case {
    Case { name, tls, path, load }
}

/// All cases, in their order.
pub(crate) const CASES: &[Case] = &[
    case("h1 1 KB", false, "/1k", Load::Http1 { connections: 32 }),
    case("h1 64 KB", false, "/64k", Load::Http1 { connections: 32 }),
    case("h1 POST 4 KB echo", false, "/echo", Load::Post { connections: 32, body: 4096 }),
    case("TLS h1 1 KB", true, "/1k", Load::Http1 { connections: 32 }),
    case("TLS h1 64 KB", true, "/64k", Load::Http1 { connections: 32 }),
    case("TLS h2 1 KB", true, "/1k", Load::Http2 { connections: 8, streams: 16 }),
    case("TLS handshake", true, "/1k", Load::NewConnections { connections: 16 }),
];
