//! Connections: limits how many are open at once, and how long a request may take. `axum::serve` limits neither.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower_service::Service;

/// How long to wait after a failure to accept a connection: usually the process is out of file descriptors.
const PAUSE: Duration = Duration::from_secs(1);

/// The limits of connections.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// How long the head of a request may take from when the client can send it. Also closes connections that send
    /// nothing.
    pub(super) head: Duration,
    /// How many connections may be open. Further ones wait until one closes.
    pub(super) connections: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { head: Duration::from_secs(15), connections: 512 }
    }
}

/// Serves until `stop` resolves; then accepts no more connections, and lets open ones finish their current request.
pub(super) async fn serve(listener: TcpListener, router: Router, bounds: Bounds, stop: impl Future<Output = ()>) {
    let mut builder = Builder::new(hyper_util::rt::TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(bounds.head);
    let mut service = router.into_make_service_with_connect_info::<SocketAddr>();
    let (places, open) = (Arc::new(Semaphore::new(bounds.connections)), GracefulShutdown::new());
    let accepting = async {
        // Acquiring never fails, because nothing closes the semaphore.
        while let Ok(place) = places.clone().acquire_owned().await {
            let (stream, address) = accepted(&listener).await;
            let Ok(service) = service.call(address).await;
            let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
            let connection = open.watch(connection.into_owned());
            tokio::spawn(async move {
                // How a connection ends only matters to its client.
                let _ = connection.await;
                drop(place);
            });
        }
    };
    tokio::select! {
        () = accepting => {}
        () = stop => {}
    }
    drop(listener);
    open.shutdown().await;
}

/// Waits for a connection, and retries after failures.
async fn accepted(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_one_connection(&error) => {}
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Tells whether an error only concerns a client that left before it was accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;

    use super::*;

    const SOON: Bounds = Bounds { head: Duration::from_millis(300), connections: 4 };

    /// Serves with `bounds`; returns the address, a sender that stops the server, and the server's task.
    async fn serving(bounds: Bounds) -> (SocketAddr, oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let slow = get(|| async {
            tokio::time::sleep(Duration::from_millis(600)).await;
            "slow"
        });
        let router = Router::new().route("/", get(|| async { "here" })).route("/slow", slow);
        let task = tokio::spawn(serve(listener, router, bounds, async move {
            let _ = stopped.await;
        }));
        (address, stop, task)
    }

    async fn connected(address: SocketAddr, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    async fn answer(address: SocketAddr, path: &str) -> String {
        let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let mut text = String::new();
        connected(address, &head).await.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test]
    async fn a_connection_without_a_request_is_closed() {
        let (address, _stop, _) = serving(SOON).await;
        for begun in ["", "P", "PRI * HTTP/2.0\r\n", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX: "] {
            let mut stream = connected(address, begun).await;
            let began = Instant::now();
            let mut rest = Vec::new();
            let closed = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
            assert!(closed.is_ok(), "{begun:?} stays open");
            assert!(began.elapsed() < Duration::from_secs(8), "{begun:?}: {:?}", began.elapsed());
        }
    }

    #[tokio::test]
    async fn connections_without_a_request_only_delay_others() {
        let (address, _stop, _) = serving(SOON).await;
        let mut held = Vec::new();
        for _ in 0..40 {
            held.push(connected(address, "GET / HTTP/1.1\r\n").await);
        }
        let answered = tokio::time::timeout(Duration::from_secs(30), answer(address, "/")).await.unwrap();
        assert!(answered.ends_with("here"), "{answered}");
        drop(held);
    }

    #[tokio::test]
    async fn running_requests_finish_before_the_server_stops() {
        let (address, stop, task) = serving(SOON).await;
        let idle = connected(address, "GET / HTTP/1.1\r\n").await;
        let asked = tokio::spawn(async move { answer(address, "/slow").await });
        tokio::time::sleep(Duration::from_millis(200)).await;
        stop.send(()).unwrap();
        assert!(asked.await.unwrap().ends_with("slow"));
        task.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err(), "it still listens");
        drop(idle);
    }
}
