//! A server in process, and a client that is as careful as a browser.

use crate::engines::FakeEngines;
use api::{BuildInfo, SetupToken, State, Wiring};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode};
use base::clock::ManualClock;
use base::{Problems, Secret, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use store::users::{NewUser, Role, User};
use store::{Audit, Store};
use tower::ServiceExt;

pub(crate) const HOST: &str = "127.0.0.1:8080";
pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) struct Server {
    pub(crate) router: Router,
    pub(crate) store: Store,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) engines: Arc<FakeEngines>,
    pub(crate) problems: Problems,
    pub(crate) token: String,
    pub(crate) document: Value,
    pub(crate) dir: tempfile::TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl Answer {
    #[track_caller]
    pub(crate) fn must(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json
    }

    /// The answer must be a problem of this status and code.
    #[track_caller]
    pub(crate) fn must_fail(self, status: u16, code: &str) -> Value {
        assert_eq!((self.status.as_u16(), self.json["code"].as_str()), (status, Some(code)), "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert!(!self.json["request_id"].as_str().unwrap().is_empty());
        assert_eq!(self.json["detail"], self.json["error"]);
        self.json
    }

    pub(crate) fn cookie(&self) -> Option<String> {
        let value = self.headers.get("set-cookie")?.to_str().unwrap();
        Some(value.split(';').next().unwrap().to_owned())
    }
}

/// Fields of a problem's `errors`.
pub(crate) fn fields(problem: &Value) -> Vec<String> {
    let errors = problem["errors"].as_array().unwrap();
    errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
}

impl Server {
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_790_000_000_000)));
        let problems = Problems::new(clock.clone());
        let options = store::Options::new(dir.path(), clock.clone(), problems.clone());
        let (store, _) = Store::open(options).await.unwrap();
        let engines = FakeEngines::new();
        let setup = SetupToken::generate();
        let token = setup.expose().unwrap().to_owned();
        let state = State::new(Wiring {
            store: store.clone(),
            engines: engines.clone(),
            problems: problems.clone(),
            clock: clock.clone(),
            setup,
            build: BuildInfo {
                version: "0.1.0".to_owned(),
                git_commit: "abc".to_owned(),
                build_time: "unknown".to_owned(),
            },
            allowed_hosts: vec!["charon.example.com".to_owned()],
            data_dir: dir.path().to_owned(),
            public_http_port: 8000,
            public_https_port: 8443,
            own_ports: vec![8080],
            link_local: false,
        });
        let document = api::openapi().value().clone();
        Self { router: api::router(state), store, clock, engines, problems, token, document, dir }
    }

    pub(crate) fn client(&self) -> Client<'_> {
        Client { server: self, cookie: None, bearer: None, address: "192.0.2.7:4711".parse().unwrap() }
    }

    /// An account without the cost of hashing a password.
    pub(crate) async fn user(&self, email: &str, role: Role) -> User {
        let user = NewUser {
            email: email.to_owned(),
            name: email.split('@').next().unwrap().to_owned(),
            role,
            enabled: true,
            password_hash: Secret::default(),
        };
        store::users::insert(&self.store, &user, Audit::system("create", "users", "test")).await.unwrap()
    }

    /// A client with a session of this account.
    pub(crate) async fn session_of(&self, user: &User) -> Client<'_> {
        let token = base::random::hex_token::<32>();
        let token_hash = Sha256::digest(&token).iter().map(|byte| format!("{byte:02x}")).collect();
        let now = base::Clock::now(&*self.clock);
        let session = store::sessions::NewSession {
            token_hash,
            user_id: user.id,
            expires_at: now.plus(Duration::from_secs(24 * 3600)),
            ip_address: "192.0.2.7".to_owned(),
            user_agent: "test".to_owned(),
        };
        store::sessions::insert(&self.store, &session).await.unwrap();
        Client { cookie: Some(format!("charon_session={token}")), ..self.client() }
    }

    /// A client of a fresh account with this role.
    pub(crate) async fn client_as(&self, role: Role) -> Client<'_> {
        let email = format!("{}-{}@example.com", role.as_str(), base::random::hex_token::<4>());
        let user = self.user(&email, role).await;
        self.session_of(&user).await
    }

    /// The set-up done by its own route.
    pub(crate) async fn set_up(&self) -> Client<'_> {
        let body =
            json!({"token": self.token, "name": "Ada", "email": "ada@example.com", "password": PASSWORD});
        let answer = self.client().post("/setup", body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        Client { cookie: answer.cookie(), ..self.client() }
    }

    /// The path of the document that belongs to `path`.
    fn template(&self, path: &str) -> Option<&Value> {
        let parts: Vec<&str> = path.split('?').next()?.split('/').collect();
        let fits = |template: &str| {
            let names: Vec<&str> = template.split('/').collect();
            names.len() == parts.len()
                && names.iter().zip(&parts).all(|(name, part)| name == part || name.starts_with('{'))
        };
        let paths = self.document["paths"].as_object()?;
        paths.get(path).or_else(|| paths.iter().find(|(template, _)| fits(template)).map(|(_, item)| item))
    }

    fn conforms(&self, method: &str, path: &str, answer: &Answer) {
        let Some(item) = self.template(path) else { return };
        let operation = &item[method.to_lowercase()];
        if operation.is_null() {
            return;
        }
        let mut response = &operation["responses"][answer.status.as_str()];
        assert!(response.is_object(), "{method} {path} answers {}, which is not documented", answer.status);
        if let Some(reference) = response["$ref"].as_str() {
            response = &self.document["components"]["responses"][reference.rsplit('/').next().unwrap()];
        }
        let kind = answer.headers.get("content-type").map(|kind| kind.to_str().unwrap());
        let kind = kind.and_then(|kind| kind.split(';').next());
        match (kind, response["content"].as_object()) {
            (None, None) => {}
            (Some(kind), Some(content)) => {
                assert!(
                    content.contains_key(kind),
                    "{method} {path} {}: {kind} is not documented",
                    answer.status
                );
            }
            (kind, content) => panic!("{method} {path} {}: {kind:?} against {content:?}", answer.status),
        }
    }
}

#[derive(Clone)]
pub(crate) struct Client<'a> {
    pub(crate) server: &'a Server,
    pub(crate) cookie: Option<String>,
    pub(crate) bearer: Option<String>,
    pub(crate) address: SocketAddr,
}

impl Client<'_> {
    pub(crate) fn from(mut self, address: &str) -> Self {
        self.address = format!("{address}:4711").parse().unwrap();
        self
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header("host", HOST)
            .header("user-agent", "test")
            .extension(ConnectInfo(self.address));
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie).header("x-charon-csrf", "1");
        }
        if let Some(token) = &self.bearer {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        request
    }

    /// Sends a whole request and checks its answer against the document.
    pub(crate) async fn raw(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().to_string(), request.uri().to_string());
        let response = self.server.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let stream = headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
        let text = match stream {
            true => String::new(),
            false => {
                let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
                String::from_utf8(bytes.to_vec()).unwrap()
            }
        };
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        let answer = Answer { status, headers, text, json };
        self.server.conforms(&method, &path, &answer);
        for name in ["content-security-policy", "x-content-type-options", "referrer-policy", "x-request-id"] {
            assert!(answer.headers.contains_key(name), "{method} {path}: {name} is missing");
        }
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
        answer
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let request = self.request(method, path);
        let request = match body {
            Some(body) => {
                request.header("content-type", "application/json").body(Body::from(body.to_string()))
            }
            None => request.body(Body::empty()),
        };
        self.raw(request.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send("PUT", path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None).await
    }

    /// The newest audit entry with this action.
    pub(crate) async fn audit(&self, action: &str) -> Value {
        let entries = self.get(&format!("/audit?action={action}&limit=1")).await.must(200);
        entries[0].clone()
    }
}
