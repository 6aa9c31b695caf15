//! Serves a classifier over HTTP: `serve MODEL.act [ADDRESS [THREADS]]`, see `docs/serving.md`.

mod service;

use std::io;
use std::time::Duration;

use act_infer::Engine;
use service::{Limits, service};
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some(model) = args.first() else {
        return Err("serve MODEL.act [ADDRESS [THREADS]]".into());
    };
    let address = args.get(1).map_or("127.0.0.1:8080", String::as_str);
    let threads = args.get(2).map_or(Ok(0), |n| n.parse())?;

    let engine = Engine::open(model)?.with_threads(threads);
    engine.tokenizer()?; // A bad vocabulary ends the program, not the first request.
    let (routes, batcher) = service(engine, Limits::default());
    let listener = TcpListener::bind(address).await?;
    eprintln!("{model} at http://{}/classify", listener.local_addr()?);
    // Whoever has asked is answered; then the routes are gone, and with them the batcher.
    axum::serve(listener, routes)
        .with_graceful_shutdown(async {
            told_to_end().await;
            end_at_last();
        })
        .await?;
    batcher.join().map_err(|_| "the engine has panicked")?;
    Ok(())
}

/// How long those who have asked are waited for.
const DRAIN: Duration = Duration::from_secs(10);

/// Ends the program after [`DRAIN`], or when it is told again, whoever still holds a connection.
fn end_at_last() {
    std::thread::spawn(|| {
        std::thread::sleep(DRAIN);
        eprintln!("clients that have not ended after {DRAIN:?} are left");
        std::process::exit(0);
    });
    tokio::spawn(async {
        told_to_end().await;
        std::process::exit(130);
    });
}

/// Waits for Ctrl-C or, on Unix, SIGTERM.
async fn told_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let wait = async || -> io::Result<()> {
            let mut terminate = signal(SignalKind::terminate())?;
            tokio::select! {
                _ = terminate.recv() => Ok(()),
                interrupted = tokio::signal::ctrl_c() => interrupted,
            }
        };
        if let Err(e) = wait().await {
            eprintln!("no signals: {e}");
            std::future::pending::<()>().await;
        }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
