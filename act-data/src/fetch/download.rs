//! One file over HTTPS, resumed where it broke off, never larger than a limit.
//!
//! Bytes go to a `.part` file that stays when a download stops; the next one asks for the rest
//! with a `Range` request. That the pieces belong together is for the caller's digest to say.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use act_core::{Error, Progress, Result};
use ureq::Agent;
use ureq::http::{Response, StatusCode};

/// Largest archive accepted; CLUE's largest has about 14 MB.
const MAX_BYTES: u64 = 256 << 20;
/// Tries in a row that bring nothing new before giving up.
const TRIES: u32 = 3;

/// Why an attempt ended early.
enum Trouble {
    /// Worth another try: a broken connection, a busy server.
    Passing(String),
    /// Not worth one.
    Final(Error),
}

/// Downloads `url` to `part`, going on from what `part` already holds; each attempt begins a new
/// piece of progress.
pub(super) fn download(url: &str, part: &Path, progress: &dyn Progress) -> Result<()> {
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .append(true)
        .open(part)
        .map_err(|e| Error::io(part, e))?;
    if file.try_lock().is_err() {
        let part = part.display();
        return Err(Error::usage(format!(
            "{part}: another download is writing it"
        )));
    }
    let agent = agent(url);
    let mut idle = 0;
    loop {
        let before = length(&file, part)?;
        let what = match attempt(&agent, url, &mut file, before, progress) {
            Ok(()) => return file.sync_all().map_err(|e| Error::io(part, e)),
            Err(Trouble::Final(e)) => return Err(e.context(url)),
            Err(Trouble::Passing(what)) => what,
        };
        idle = if length(&file, part)? > before {
            0
        } else {
            idle + 1
        };
        if idle == TRIES {
            return Err(Error::failed(format!(
                "{url}: {what}; run the same command again to go on with the download"
            )));
        }
        log::warn!("{url}: {what}; trying again");
        std::thread::sleep(Duration::from_millis(100 << (2 * idle)));
    }
}

fn agent(url: &str) -> Agent {
    let patience = Some(Duration::from_secs(60));
    Agent::config_builder()
        // Only a base URL that is itself plain HTTP (a local mirror) may be fetched without TLS.
        .https_only(!url.starts_with("http://"))
        .http_status_as_error(false)
        .timeout_connect(patience)
        .timeout_recv_response(patience)
        .timeout_per_read(patience)
        .build()
        .into()
}

fn length(file: &File, part: &Path) -> Result<u64> {
    file.metadata()
        .map(|m| m.len())
        .map_err(|e| Error::io(part, e))
}

/// One request for what is missing after the first `have` bytes.
fn attempt(
    agent: &Agent,
    url: &str,
    file: &mut File,
    have: u64,
    progress: &dyn Progress,
) -> Result<(), Trouble> {
    let request = match have {
        0 => agent.get(url),
        have => agent.get(url).header("Range", format!("bytes={have}-")),
    };
    let mut response = request.call().map_err(unreachable)?;
    let start = match response.status() {
        StatusCode::OK => 0,
        StatusCode::PARTIAL_CONTENT if range_start(&response) == Some(have) => have,
        StatusCode::RANGE_NOT_SATISFIABLE if range_total(&response) == Some(have) => return Ok(()),
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
            restart(file)?;
            return Err(Trouble::Passing(
                "the server cannot resume this file".into(),
            ));
        }
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            return Err(Trouble::Passing(format!("the server says {status}")));
        }
        status => {
            return Err(Trouble::Final(Error::failed(format!(
                "the server says {status}"
            ))));
        }
    };
    if start == 0 && have > 0 {
        restart(file)?;
    }
    let total = response
        .body()
        .content_length()
        .map(|n| start.saturating_add(n));
    let body = &mut response.body_mut().as_reader();
    receive(body, file, start, total, progress)
}

/// Appends the body to the file.
fn receive(
    body: &mut impl Read,
    file: &mut File,
    mut done: u64,
    total: Option<u64>,
    progress: &dyn Progress,
) -> Result<(), Trouble> {
    let too_large = || {
        Trouble::Final(Error::failed(format!(
            "larger than {} MiB, which no archive is",
            MAX_BYTES >> 20
        )))
    };
    if total.is_some_and(|t| t > MAX_BYTES) {
        return Err(too_large());
    }
    progress.begin("downloading", total.unwrap_or(0) as usize);
    let mut came = done as usize;
    let mut buffer = vec![0; 1 << 16];
    loop {
        progress.advance(came).map_err(Trouble::Final)?;
        came = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == ErrorKind::Interrupted => 0,
            Err(e) => return Err(Trouble::Passing(format!("the connection broke: {e}"))),
        };
        done += came as u64;
        if done > MAX_BYTES {
            return Err(too_large());
        }
        file.write_all(&buffer[..came]).map_err(disk)?;
    }
    match total {
        Some(total) if done < total => Err(Trouble::Passing(format!(
            "the connection ended after {done} of {total} bytes"
        ))),
        _ => Ok(()),
    }
}

fn restart(file: &mut File) -> Result<(), Trouble> {
    file.set_len(0).map_err(disk)?;
    file.seek(SeekFrom::Start(0)).map(drop).map_err(disk)
}

fn disk(e: std::io::Error) -> Trouble {
    Trouble::Final(Error::failed(format!("cannot write what came: {e}")))
}

fn unreachable(e: ureq::Error) -> Trouble {
    match e {
        ureq::Error::BadUri(_) | ureq::Error::RequireHttpsOnly(_) => {
            Trouble::Final(Error::usage(e.to_string()))
        }
        e => Trouble::Passing(e.to_string()),
    }
}

/// `Content-Range: bytes START-END/TOTAL` or `bytes */TOTAL`.
fn content_range<T>(response: &Response<T>) -> Option<(&str, &str)> {
    let value = response.headers().get("content-range")?.to_str().ok()?;
    value.strip_prefix("bytes ")?.split_once('/')
}

fn range_start<T>(response: &Response<T>) -> Option<u64> {
    content_range(response)?.0.split_once('-')?.0.parse().ok()
}

fn range_total<T>(response: &Response<T>) -> Option<u64> {
    content_range(response)?.1.parse().ok()
}
