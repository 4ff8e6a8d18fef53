//! Connections to the user interface over TCP. Anybody who can reach the port may open some, so they are limited in
//! number, and each has a time to say what it wants.

use crate::spare::Spare;
use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// How long a connection may stay silent, and a request's head may take.
const HEAD: Duration = Duration::from_secs(15);
/// Connections at a time; more wait in the kernel's queue. A browser takes up to six.
const MOST_CONNECTIONS: usize = 256;

/// Serves until `stop`, then lets answers that are under way come to their end.
pub(crate) async fn serve(
    listener: TcpListener,
    spare: Arc<Spare>,
    router: Router,
    stop: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let router = TowerToHyperService::new(router);
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = async {
            let place = places.clone().acquire_owned().await;
            (place, spare.accept(|context| listener.poll_accept(context)).await)
        };
        let (place, (stream, peer)) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut stop => break,
        };
        let (router, spare) = (router.clone(), spare.clone());
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            router.call(request)
        });
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tasks::spawn("connection of the user interface", async move {
            if let Err(error) = connection.await {
                tracing::debug!(%peer, "a connection of the user interface has ended: {error}");
            }
            spare.refill();
            drop(place);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}
