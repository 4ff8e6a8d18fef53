//! A proxy, scripted origins, and a client that reads exactly what was sent.

use base::{Clock, SystemClock};
use proxy::spec::{Certificate, Host, HostTls, Location, Scheme, Spec, Traffic, Upstream};
use proxy::{Config, Limits, LogSettings, Proxy, Settings};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Long enough for anything that happens at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Waits for a condition.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = SystemClock.monotonic();
    while !condition() {
        assert!(SystemClock.monotonic() - start < PATIENCE, "never came true: {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// Lets time pass: the slowness of one side is what some tests are about.
pub(crate) fn pause(time: Duration) {
    let (_alive, never) = std::sync::mpsc::channel::<()>();
    assert!(never.recv_timeout(time).is_err());
}

/// Whether this process runs `test` alone, as measuring its memory needs. If not, one that does is run to its end.
#[expect(clippy::disallowed_methods, reason = "how a test and its own process talk")]
pub(crate) fn alone(test: &str) -> bool {
    const ALONE: &str = "TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    let run = command.args(["--exact", test]).env(ALONE, "1").output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
    false
}

/// Limits that tests can wait for.
pub(crate) fn quick() -> Limits {
    Limits { tick: Duration::from_millis(20), ..Limits::default() }
}

pub(crate) fn upstream(address: SocketAddr) -> Upstream {
    Upstream::one(Scheme::Http, base::UpstreamAddress::parse(&address.to_string()).unwrap())
}

pub(crate) fn host(name: &str, origin: SocketAddr) -> Host {
    Host {
        id: format!("id-{name}"),
        name: name.to_owned(),
        domains: vec![base::DomainPattern::parse(name).unwrap()],
        upstream: upstream(origin),
        locations: Vec::new(),
        force_https: false,
        hsts: None,
        http2: true,
        tls: HostTls::default(),
        traffic: Traffic::default(),
        unavailable: None,
        access: None,
        certificate: None,
    }
}

/// A location of the same host.
pub(crate) fn location(path: &str, origin: SocketAddr) -> Location {
    Location { path: path.to_owned(), upstream: upstream(origin), traffic: Traffic::default() }
}

pub(crate) fn config(spec: &Spec) -> Arc<Config> {
    let (config, problems) = Config::build(spec);
    assert_eq!(problems, []);
    Arc::new(config)
}

/// A certificate for these names, made by itself.
pub(crate) fn certificate(id: &str, names: &[&str]) -> Arc<Certificate> {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let (chain_pem, key_pem) = (made.cert.pem(), made.signing_key.serialize_pem());
    Arc::new(Certificate { id: id.to_owned(), chain_pem, key_pem, internal: false })
}

pub(crate) fn start(spec: &Spec, limits: Limits, log: LogSettings) -> Proxy {
    start_behind(spec, limits, log, &[])
}

/// The same behind load balancers of these networks, which speak PROXY protocol; behind none when empty.
pub(crate) fn start_behind(spec: &Spec, limits: Limits, log: LogSettings, balancers: &[&str]) -> Proxy {
    let networks: Vec<_> = balancers.iter().map(|network| network.parse().unwrap()).collect();
    let any = "127.0.0.1:0".parse().unwrap();
    let settings = Settings {
        http: vec![any],
        https: vec![any],
        proxy_protocol: networks,
        workers: 1,
        access_log: log,
        limits,
        ..Settings::default()
    };
    proxy::start(settings, config(spec), Arc::new(SystemClock)).unwrap()
}

/// A proxy with the host `a.test` in front of an origin.
pub(crate) fn proxy_for(origin: &Origin) -> Proxy {
    start(&spec_for(origin), quick(), LogSettings::default())
}

pub(crate) fn spec_for(origin: &Origin) -> Spec {
    Spec { hosts: vec![host("a.test", origin.address)], ..Spec::default() }
}

/// An origin. Each connection runs the script in a thread of its own.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// An origin's end of one connection; remembers what it has read.
pub(crate) struct Wire {
    stream: TcpStream,
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
    index: usize,
    unread: Vec<u8>,
}

impl Origin {
    /// `script` gets each connection and its number.
    pub(crate) fn scripted(script: impl Fn(&mut Wire, usize) + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), script)
    }

    /// The same on a listener that is there already.
    pub(crate) fn on(
        listener: TcpListener,
        script: impl Fn(&mut Wire, usize) + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let (all, script) = (seen.clone(), Arc::new(script));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let index = {
                    let mut all = all.lock().unwrap();
                    all.push(Vec::new());
                    all.len() - 1
                };
                stream.set_nodelay(true).unwrap();
                let mut wire = Wire { stream, seen: all.clone(), index, unread: Vec::new() };
                let script = script.clone();
                std::thread::spawn(move || script(&mut wire, index));
            }
        });
        Self { address, seen }
    }

    /// Answers each request, with a body of any framing, by `answer` of its head and payload.
    pub(crate) fn answering(answer: impl Fn(&str, &[u8]) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::scripted(move |wire, _| {
            while let Some(head) = wire.head() {
                let body = wire.body(&head);
                if !wire.send(&answer(&head, &body)) {
                    return;
                }
            }
        })
    }

    /// Says `ok` to everything.
    pub(crate) fn ok() -> Self {
        Self::answering(|_, _| b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec())
    }

    /// Sends back what it got: the request's head as the answer's body.
    pub(crate) fn mirror() -> Self {
        Self::answering(|head, body| sized(&[head.as_bytes(), body].concat()))
    }

    /// All bytes of all connections.
    pub(crate) fn seen(&self) -> String {
        self.seen.lock().unwrap().iter().map(|bytes| String::from_utf8_lossy(bytes)).collect()
    }

    /// The bytes of each connection.
    pub(crate) fn streams(&self) -> Vec<Vec<u8>> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

/// A 200 with this body.
pub(crate) fn sized(body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

impl Wire {
    fn fill(&mut self) -> bool {
        let mut buffer = [0; 65536];
        match self.stream.read(&mut buffer) {
            Ok(count) if count > 0 => {
                self.seen.lock().unwrap()[self.index].extend_from_slice(&buffer[..count]);
                self.unread.extend_from_slice(&buffer[..count]);
                true
            }
            _ => false,
        }
    }

    /// The next head, with its empty line; `None` at the end.
    pub(crate) fn head(&mut self) -> Option<String> {
        loop {
            if let Some(at) = find(&self.unread, b"\r\n\r\n") {
                let head: Vec<_> = self.unread.drain(..at + 4).collect();
                return Some(String::from_utf8_lossy(&head).into_owned());
            }
            if !self.fill() {
                return None;
            }
        }
    }

    /// Reads exactly so many bytes, or fewer at the end.
    pub(crate) fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.unread.len() < count && self.fill() {}
        self.unread.drain(..count.min(self.unread.len())).collect()
    }

    pub(crate) fn line(&mut self) -> String {
        loop {
            if let Some(at) = find(&self.unread, b"\r\n") {
                let line: Vec<_> = self.unread.drain(..at + 2).collect();
                return String::from_utf8_lossy(&line[..at]).into_owned();
            }
            if !self.fill() {
                return String::new();
            }
        }
    }

    /// The payload of a body.
    pub(crate) fn body(&mut self, head: &str) -> Vec<u8> {
        if let Some(length) = header(head, "content-length") {
            return self.exactly(length.parse().unwrap());
        }
        let mut body = Vec::new();
        if header(head, "transfer-encoding").is_some() {
            loop {
                let size = usize::from_str_radix(&self.line(), 16).unwrap_or(0);
                if size == 0 {
                    while !self.line().is_empty() {}
                    return body;
                }
                body.extend(self.exactly(size));
                self.exactly(2);
            }
        }
        body
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// What one read gives.
    pub(crate) fn packet(&mut self) -> Vec<u8> {
        self.fill();
        std::mem::take(&mut self.unread)
    }

    /// From now on, silence of this length is the end.
    pub(crate) fn patience(&mut self, silence: Duration) {
        self.stream.set_read_timeout(Some(silence)).unwrap();
    }

    /// The connection, to be ended by somebody else.
    pub(crate) fn handle(&self) -> TcpStream {
        self.stream.try_clone().unwrap()
    }

    /// Waits until the other side has ended.
    pub(crate) fn drain(&mut self) {
        while self.fill() {}
    }

    /// Ends the connection by a reset.
    pub(crate) fn reset(&mut self) {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

/// A client with one connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    unread: Vec<u8>,
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// The body ended as its framing says.
    pub(crate) whole: bool,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        header(&self.head, name)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, unread: Vec::new() }
    }

    pub(crate) fn of(proxy: &Proxy) -> Self {
        Self::new(proxy.http()[0])
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    fn fill(&mut self) -> bool {
        let mut buffer = [0; 65536];
        match self.stream.read(&mut buffer) {
            Ok(count) => {
                self.unread.extend_from_slice(&buffer[..count]);
                count > 0
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("nothing came: {error}"),
            Err(_) => false,
        }
    }

    /// The next head; `None` when the connection ends first.
    pub(crate) fn head(&mut self) -> Option<String> {
        loop {
            if let Some(at) = find(&self.unread, b"\r\n\r\n") {
                let head: Vec<_> = self.unread.drain(..at + 4).collect();
                return Some(String::from_utf8(head).unwrap());
            }
            if !self.fill() {
                return None;
            }
        }
    }

    pub(crate) fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.unread.len() < count && self.fill() {}
        self.unread.drain(..count.min(self.unread.len())).collect()
    }

    /// Everything until the end.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.unread)
    }

    /// The next answer to a request that is not HEAD.
    pub(crate) fn answer(&mut self) -> Option<Answer> {
        let head = self.head()?;
        let status = head.split(' ').nth(1)?.to_owned();
        let (body, whole) = if status.starts_with('1') || status == "204" || status == "304" {
            (Vec::new(), true)
        } else if let Some(length) = header(&head, "content-length") {
            let length: usize = length.parse().unwrap();
            let body = self.exactly(length);
            let whole = body.len() == length;
            (body, whole)
        } else if header(&head, "transfer-encoding").is_some() {
            self.chunks()
        } else {
            (self.rest(), true)
        };
        Some(Answer { head, body, whole })
    }

    /// The payload of the next chunk; empty at the end.
    pub(crate) fn chunk(&mut self) -> Vec<u8> {
        while find(&self.unread, b"\r\n").is_none() && self.fill() {}
        let Some(at) = find(&self.unread, b"\r\n") else { return Vec::new() };
        let line: Vec<_> = self.unread.drain(..at + 2).collect();
        let size = usize::from_str_radix(std::str::from_utf8(&line[..at]).unwrap(), 16).unwrap();
        let data = self.exactly(size);
        self.exactly(2);
        data
    }

    fn chunks(&mut self) -> (Vec<u8>, bool) {
        let mut body = Vec::new();
        loop {
            while find(&self.unread, b"\r\n").is_none() {
                if !self.fill() {
                    return (body, false);
                }
            }
            let at = find(&self.unread, b"\r\n").unwrap();
            let line: Vec<_> = self.unread.drain(..at + 2).collect();
            let size = usize::from_str_radix(std::str::from_utf8(&line[..at]).unwrap(), 16).unwrap();
            if size == 0 {
                while !self.unread.starts_with(b"\r\n") && find(&self.unread, b"\r\n\r\n").is_none() {
                    if !self.fill() {
                        return (body, false);
                    }
                }
                let end = if self.unread.starts_with(b"\r\n") {
                    2
                } else {
                    find(&self.unread, b"\r\n\r\n").unwrap() + 4
                };
                self.unread.drain(..end);
                return (body, true);
            }
            let data = self.exactly(size);
            body.extend_from_slice(&data);
            if data.len() < size || self.exactly(2) != b"\r\n" {
                return (body, false);
            }
        }
    }

    /// A GET on `a.test`.
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n"));
        self.answer().expect("an answer")
    }
}

/// Makes the proxy trust the kept connection of `client`'s host, so that also a POST goes over it.
pub(crate) fn earn_trust(client: &mut Client) {
    assert_eq!(client.get("/").status(), 200);
    pause(Duration::from_millis(300));
    assert_eq!(client.get("/").status(), 200);
}

/// One request on a connection of its own; everything that comes back.
pub(crate) fn talk(proxy: &Proxy, request: impl AsRef<[u8]>) -> String {
    let mut client = Client::of(proxy);
    // The proxy may close before it has read everything.
    let _ = client.stream.write_all(request.as_ref());
    String::from_utf8_lossy(&client.rest()).into_owned()
}

/// The status of a raw answer; 0 for none.
pub(crate) fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

pub(crate) fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// The value of a header in a head.
pub(crate) fn header(head: &str, name: &str) -> Option<String> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}
