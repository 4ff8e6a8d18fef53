//! A stand-in of CrowdSec's Central API (api.crowdsec.net), as far as the agent and `cscli` ask it: it is none, and
//! keeps what was asked.

use crate::raw::{read_body, read_head};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The one key that it takes.
pub const CONSOLE_KEY: &str = "goodkeyofthisconsole";

/// See the module. Dropping it closes the listening socket.
#[derive(Debug)]
pub struct CentralApi {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
    accept: JoinHandle<()>,
}

impl CentralApi {
    /// Starts it on a free port.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let asked = Arc::<Mutex<Vec<(String, Value)>>>::default();
        let kept = asked.clone();
        #[expect(clippy::disallowed_methods, reason = "a panic here shows as a failed request of the test")]
        let accept = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = kept.clone();
                tokio::spawn(async move {
                    _ = serve(stream, &kept).await;
                });
            }
        });
        Self { address, asked, accept }
    }

    /// What a machine that is registered here has in its file of credentials.
    pub fn credentials(&self) -> String {
        format!("url: http://{}/\nlogin: machine\npassword: secret-of-the-machine\n", self.address)
    }

    /// What was asked of a path that ends so.
    pub fn asked(&self, path: &str) -> Vec<Value> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked
            .iter()
            .filter(|(known, _)| known.trim_end_matches('/').ends_with(path))
            .map(|(_, body)| body.clone())
            .collect()
    }
}

impl Drop for CentralApi {
    fn drop(&mut self) {
        self.accept.abort();
    }
}

async fn serve(stream: TcpStream, asked: &Mutex<Vec<(String, Value)>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(head) = read_head(&mut stream).await? {
        let body = if head.has_request_body() { read_body(&mut stream, &head).await? } else { Vec::new() };
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let path = head.line.split(' ').nth(1).unwrap_or_default();
        let path = path.split('?').next().unwrap_or_default().to_owned();
        let before = {
            let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
            asked.push((path.clone(), body.clone()));
            let good = |(path, body): &&(String, Value)| {
                path.ends_with("/enroll") && body["attachment_key"] == CONSOLE_KEY
            };
            asked.iter().filter(good).count()
        };
        let (status, answer) = answer(&path, &body, before);
        let answer = answer.to_string();
        let head = format!(
            "HTTP/1.1 {status} Told\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        );
        stream.write_all(format!("{head}{answer}").as_bytes()).await?;
    }
    Ok(())
}

/// `enrolled` counts the enrolments with the good key, this one included.
fn answer(path: &str, body: &Value, enrolled: usize) -> (u16, Value) {
    match path.trim_end_matches('/').rsplit('/').next().unwrap_or_default() {
        // A token whose content nobody checks; its end is far away.
        "login" => (
            200,
            json!({ "code": 200, "expire": "2099-01-01T00:00:00Z", "token": "e30.eyJleHAiOjQwNzA5MDg4MDB9.x" }),
        ),
        "enroll" if body["attachment_key"] != CONSOLE_KEY => {
            (403, json!({ "message": "the attachment key provided is not valid" }))
        }
        "enroll" if enrolled > 1 && body["overwrite"] != true => {
            (200, json!({ "message": "already enrolled" }))
        }
        "enroll" => (202, json!({ "message": "enroll pending" })),
        "stream" => (200, json!({ "new": [], "deleted": [] })),
        _ => (200, json!({ "message": "OK" })),
    }
}
