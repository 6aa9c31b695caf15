//! From the start to the end: loads, listens, accepts, reloads, drains.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use act_core::{Error, Result};
use act_stage::{Context, Exit};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use crate::args::Cli;
use crate::metrics::Metrics;
use crate::models::{Models, short};
use crate::pace::{Busy, Paced};
use crate::routes::Service;
use crate::signals::{Signals, Told};

/// Bytes of a header.
const HEADER: usize = 1 << 14;

/// At the end, how long a connection may still bring a request that was under way.
const LINGER: Duration = Duration::from_millis(300);

/// Files that are open beside connections: models, sockets of the runtime, standard streams.
const OTHER_FILES: usize = 64;

/// Serves until a signal ends it.
///
/// # Errors
/// Usage: contradictory flags, no such file, an address that is taken; rejected: a file is no model;
/// failed: requests were left without an answer; interrupted: a second signal.
pub fn run(cli: Cli, ctx: &Context) -> anyhow::Result<Exit> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let ended = runtime.block_on(serve(&cli, ctx));
    // Work that nobody waits for any more is not waited for.
    runtime.shutdown_background();
    ended?;
    Ok(Exit::Done)
}

async fn serve(cli: &Cli, ctx: &Context) -> Result<()> {
    let mut signals = Signals::new().map_err(|e| Error::failed(format!("no signals: {e}")))?;
    let (mut limits, threads) = (cli.limits()?, cli.threads.count());
    limits.connections = connections(limits.connections);
    let listener = listen(&cli.listen).await?;
    let metrics = Arc::new(Metrics::default());
    let (files, of_models, to) = (cli.models()?, limits.clone(), metrics.clone());
    let loading = spawn_blocking(move || Models::load(files, threads, of_models, to));
    let models = tokio::select! {
        models = loading => models.map_err(|e| Error::failed(e.to_string()))??,
        () = end(&mut signals) => return Err(Error::interrupted()),
    };
    for model in models.all() {
        ctx.set_synthetic(model.engine.synthetic());
        let (engine, digest) = (&model.engine, short(&model.digest));
        let (task, precision) = (&engine.task().name, engine.quant().precision());
        log::info!(
            "{}: task {task}, {precision}, {} kernels, model {digest}",
            model.name,
            engine.kernels()
        );
    }
    let address = listener.local_addr();
    let address = address.map_err(|e| Error::failed(e.to_string()))?;
    log::info!("listening on http://{address}");
    let service = Arc::new(Service::new(models, metrics, limits, threads));
    let server = Server::new(service);
    server.accept(&listener, &mut signals).await;
    server.drain(listener, &mut signals).await
}

async fn listen(address: &str) -> Result<TcpListener> {
    let told = |e: std::io::Error| {
        let message = format!("--listen {address}: {e}");
        match e.kind() {
            std::io::ErrorKind::OutOfMemory => Error::failed(message),
            _ => Error::usage(message),
        }
    };
    TcpListener::bind(address).await.map_err(told)
}

/// Waits until the server is told to end.
async fn end(signals: &mut Signals) {
    while signals.next().await != Told::End {}
}

/// What the connections share.
struct Server {
    service: Arc<Service>,
    /// A permit for each connection.
    free: Arc<Semaphore>,
    ending: watch::Sender<bool>,
    /// Held while the models are read again.
    reloading: Arc<tokio::sync::Mutex<()>>,
}

impl Server {
    fn new(service: Arc<Service>) -> Self {
        Self {
            free: Arc::new(Semaphore::new(service.limits.connections)),
            ending: watch::Sender::new(false),
            reloading: Arc::default(),
            service,
        }
    }

    /// Accepts connections until it is told to end.
    async fn accept(&self, listener: &TcpListener, signals: &mut Signals) {
        loop {
            tokio::select! {
                told = signals.next() => match told {
                    Told::Reload => self.reload(),
                    Told::End => return,
                },
                accepted = self.next(listener) => match accepted {
                    Ok((stream, permit)) => self.spawn(stream, permit),
                    Err(error) => {
                        log::warn!("no connection can be accepted: {error}");
                        // As a rule there are too many files; some will close.
                        sleep(Duration::from_millis(200)).await;
                    }
                },
            }
        }
    }

    /// The next connection, once there may be one more.
    async fn next(
        &self,
        listener: &TcpListener,
    ) -> std::io::Result<(TcpStream, OwnedSemaphorePermit)> {
        // It is never closed.
        let permit = self.free.clone().acquire_owned().await;
        let permit = permit.map_err(std::io::Error::other)?;
        Ok((listener.accept().await?.0, permit))
    }

    fn spawn(&self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        let (service, ending) = (self.service.clone(), self.ending.subscribe());
        tokio::spawn(async move {
            // A small answer waits for nothing; without the option it is only later.
            let _ = stream.set_nodelay(true);
            let metrics = service.metrics.clone();
            metrics.connected(1);
            converse(service, stream, ending).await;
            metrics.connected(-1);
            drop(permit);
        });
    }

    /// Reads the models again, one signal after the other, beside all that is answered.
    fn reload(&self) {
        let (service, reloading) = (self.service.clone(), self.reloading.clone());
        tokio::spawn(async move {
            let _one = reloading.lock().await;
            let reload = spawn_blocking(move || service.models.reload());
            if let Err(error) = reload.await {
                log::warn!("the models stay as they are: {error}");
            }
        });
    }

    /// Takes who has connected before now, as far as there may be more, and listens no longer.
    fn accept_last(&self, listener: TcpListener) {
        let Ok(listener) = listener.into_std() else {
            return;
        };
        while let Ok((stream, _)) = listener.accept() {
            let stream = stream
                .set_nonblocking(true)
                .and_then(|()| TcpStream::from_std(stream));
            match (stream, self.free.clone().try_acquire_owned()) {
                (Ok(stream), Ok(permit)) => self.spawn(stream, permit),
                _ => return,
            }
        }
    }

    /// Answers who has asked, and ends.
    async fn drain(&self, listener: TcpListener, signals: &mut Signals) -> Result<()> {
        let drain = self.service.limits.drain;
        log::info!(
            "ending: no new connections, {} open requests",
            self.service.open()
        );
        self.service.end();
        self.accept_last(listener);
        self.ending.send_replace(true);
        let all = u32::try_from(self.service.limits.connections).unwrap_or(u32::MAX);
        tokio::select! {
            _ = self.free.acquire_many(all) => Ok(()),
            () = end(signals) => Err(Error::interrupted()),
            () = sleep(drain) => match self.service.open() {
                0 => {
                    log::info!("clients that have asked nothing within {drain:?} are left");
                    Ok(())
                }
                left => Err(Error::failed(format!("{left} requests had no answer within {drain:?}"))),
            },
        }
    }
}

/// Answers what comes over a connection.
async fn converse(service: Arc<Service>, stream: TcpStream, mut ending: watch::Receiver<bool>) {
    let (client, idle) = (service.limits.client, service.limits.idle);
    let busy = Busy::default();
    let io = TokioIo::new(Paced::new(stream, busy.clone(), client, idle));
    let answer = service_fn(|request| {
        let (service, busy) = (service.clone(), busy.clone());
        async move {
            busy.turn();
            let answer = service.answer(request).await;
            busy.turn();
            Ok::<_, std::convert::Infallible>(answer)
        }
    });
    let mut http = http1::Builder::new();
    // Its own time for headers has no other between requests.
    http.header_read_timeout(None).max_buf_size(HEADER);
    let mut connection = pin!(http.serve_connection(io, answer));
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = begins(&mut ending) => {
            // What a client has sent before it could know is still answered.
            match timeout(LINGER, &mut connection).await {
                Ok(ended) => ended,
                Err(_) => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        }
    };
    if let Err(error) = ended {
        log::trace!("a connection ended: {error}");
    }
}

/// Waits until the server ends.
async fn begins(ending: &mut watch::Receiver<bool>) {
    // An error means that the server is gone, which is an end as well.
    let _ = ending.wait_for(|&ending| ending).await;
}

/// As many connections as asked for, or as this process may have.
fn connections(wanted: usize) -> usize {
    let most = most_files(wanted + OTHER_FILES)
        .saturating_sub(OTHER_FILES)
        .max(1);
    if most < wanted {
        log::warn!(
            "--max-connections {wanted}: this process may open {most} at a time (ulimit -n)"
        );
    }
    wanted.min(most)
}

/// The number of files that this process may have open, raised to so many if it may.
#[cfg(unix)]
fn most_files(wanted: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let most = limit.current.unwrap_or(u64::MAX);
    let raised = (wanted as u64).min(limit.maximum.unwrap_or(u64::MAX));
    let new = Rlimit {
        current: Some(raised),
        maximum: limit.maximum,
    };
    let may = most < raised && setrlimit(Resource::Nofile, new).is_ok();
    let most = if may { raised } else { most };
    usize::try_from(most).unwrap_or(usize::MAX)
}

#[cfg(not(unix))]
fn most_files(wanted: usize) -> usize {
    wanted
}
