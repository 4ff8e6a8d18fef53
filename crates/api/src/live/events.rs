//! The wire form of server-sent events (WHATWG HTML, section 9.2), and the body that carries them.

use futures_core::Stream;
use serde::Serialize;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// One event. JSON has no line breaks of its own, so that `data` is one line.
pub(super) fn event(name: &str, data: &impl Serialize) -> String {
    let data = serde_json::to_string(data).unwrap_or_else(|_| "{}".to_owned());
    format!("event: {name}\ndata: {data}\n\n")
}

/// The events of a channel as a body. It ends when the sender is gone.
pub(super) struct Events(pub(super) mpsc::Receiver<String>);

impl Stream for Events {
    type Item = Result<String, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|event| event.map(Ok))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_event_is_one_line_of_data_whatever_stands_in_it() {
        let text = super::event("log", &serde_json::json!({"path": "/a\nevent: bye\n\n"}));
        assert_eq!(text.lines().count(), 3);
        assert!(text.starts_with("event: log\ndata: {") && text.ends_with("}\n\n"));
    }
}
