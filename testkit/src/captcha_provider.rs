//! A stand-in of the providers of captchas (Cloudflare Turnstile, hCaptcha), as far as Charon and its page ask them: it
//! is none, takes each answer that begins with `good` once, and keeps what was asked.

use crate::raw::{read_body, read_head};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The one secret that it takes.
pub const CAPTCHA_SECRET: &str = "secret-of-the-captcha";

/// What a page loads: a button that gives an answer when it is pressed.
const SCRIPT: &str = "window.turnstile = window.hcaptcha = {
  render: function (place, options) {
    var button = document.createElement('button');
    button.textContent = 'I am a person (stand-in), site ' + options.sitekey;
    button.onclick = function () { options.callback('good-' + Math.random()); };
    place.appendChild(button);
    return 1;
  },
  reset: function () {},
};
window.charonReady();
";

#[derive(Debug, Default)]
struct Inside {
    silent: AtomicBool,
    asked: Mutex<Vec<String>>,
    seen: Mutex<HashSet<String>>,
}

/// See the module. Dropping it closes the listening socket.
#[derive(Debug)]
pub struct CaptchaProvider {
    address: SocketAddr,
    inside: Arc<Inside>,
    accept: JoinHandle<()>,
}

impl CaptchaProvider {
    /// Starts it on a free port.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let inside = Arc::<Inside>::default();
        let kept = inside.clone();
        #[expect(clippy::disallowed_methods, reason = "a panic here shows as a failed request of the test")]
        let accept = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = kept.clone();
                tokio::spawn(async move {
                    _ = serve(stream, &kept).await;
                });
            }
        });
        Self { address, inside, accept }
    }

    /// Where it listens: scheme, host and port.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Whether it answers with a fault from now on.
    pub fn fail(&self, fails: bool) {
        self.inside.silent.store(fails, Ordering::Relaxed);
    }

    /// The forms that were sent to it.
    pub fn asked(&self) -> Vec<String> {
        self.inside.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for CaptchaProvider {
    fn drop(&mut self) {
        self.accept.abort();
    }
}

async fn serve(stream: TcpStream, inside: &Inside) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(head) = read_head(&mut stream).await? {
        let body = if head.has_request_body() { read_body(&mut stream, &head).await? } else { Vec::new() };
        let form = String::from_utf8_lossy(&body).into_owned();
        let path = head.line.split(' ').nth(1).unwrap_or_default();
        let (status, kind, answer) = match path.split('?').next().unwrap_or_default() {
            "/api.js" => (200, "text/javascript", SCRIPT.to_owned()),
            _ if inside.silent.load(Ordering::Relaxed) => {
                (503, "text/html", "<h1>Out of order</h1>".to_owned())
            }
            _ => (200, "application/json", verify(&form, inside)),
        };
        let head = format!(
            "HTTP/1.1 {status} Told\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        );
        stream.write_all(format!("{head}{answer}").as_bytes()).await?;
    }
    Ok(())
}

fn verify(form: &str, inside: &Inside) -> String {
    inside.asked.lock().unwrap_or_else(PoisonError::into_inner).push(form.to_owned());
    let value = |name: &str| {
        let pair = form.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        pair.unwrap_or_default().to_owned()
    };
    let fresh = |answer: String| inside.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(answer);
    let code = match (value("secret") == CAPTCHA_SECRET, value("response")) {
        (false, _) => "invalid-input-secret",
        (true, answer) if !answer.starts_with("good") => "invalid-input-response",
        (true, answer) if !fresh(answer.clone()) => "timeout-or-duplicate",
        (true, _) => return r#"{"success":true,"error-codes":[]}"#.to_owned(),
    };
    format!(r#"{{"success":false,"error-codes":["{code}"]}}"#)
}
