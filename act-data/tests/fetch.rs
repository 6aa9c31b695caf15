//! `fetch` against a server on this machine that breaks off, refuses, lies or sends bad archives.
#![cfg(feature = "fetch")]

use std::cell::Cell;
use std::fs;
use std::io::{BufRead, BufReader, Cursor, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

use act_core::{Error, ErrorKind, Progress, Result, Silent};
use act_data::Split;
use act_data::fetch::{Fetched, OFFICIAL, fetch};
use tempfile::tempdir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// How the server answers one request.
#[derive(Clone, Copy)]
enum Answer {
    /// As asked, from the range's start on.
    Honest,
    /// Says the whole length, but closes after so many bytes.
    Break(usize),
    /// Takes no notice of the range.
    IgnoreRange,
    /// A status without a body.
    Status(u16),
    /// Claims an enormous length.
    Huge,
}

/// A server of one file; returns its address and the ranges it was asked for.
fn serve(body: Vec<u8>, answers: &[Answer]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (log, answers) = (asked.clone(), answers.to_vec());
    std::thread::spawn(move || {
        for answer in answers {
            let Ok((mut stream, _)) = listener.accept() else {
                return;
            };
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<String> = lines
                .map_while(|l| l.ok().filter(|l| !l.is_empty()))
                .collect();
            let range = head.iter().find_map(|l| {
                l.to_ascii_lowercase()
                    .strip_prefix("range: bytes=")
                    .map(str::to_string)
            });
            log.lock().unwrap().push(range.clone().unwrap_or_default());
            let start = range.and_then(|r| r.trim_end_matches('-').parse().ok());
            let _ = stream.write_all(&reply(&body, answer, start));
        }
    });
    (base, asked)
}

fn reply(body: &[u8], answer: Answer, start: Option<usize>) -> Vec<u8> {
    let total = body.len();
    let start = start.filter(|_| !matches!(answer, Answer::IgnoreRange));
    let head = |status: &str, length: usize, extra: &str| {
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{extra}\r\n")
    };
    let (mut out, rest) = match (answer, start) {
        (Answer::Status(code), _) => (head(&format!("{code} No"), 0, ""), &[][..]),
        (Answer::Huge, _) => (head("200 OK", 1 << 40, ""), &[][..]),
        (_, Some(start)) if start >= total => {
            let extra = format!("Content-Range: bytes */{total}\r\n");
            (head("416 Range", 0, &extra), &[][..])
        }
        (_, Some(start)) => {
            let extra = format!("Content-Range: bytes {start}-{}/{total}\r\n", total - 1);
            (head("206 Partial", total - start, &extra), &body[start..])
        }
        (_, None) => (head("200 OK", total, ""), body),
    };
    let sent = match answer {
        Answer::Break(n) => &rest[..n.min(rest.len())],
        _ => rest,
    };
    let mut bytes = std::mem::take(&mut out).into_bytes();
    bytes.extend_from_slice(sent);
    bytes
}

fn archive(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in entries {
        match text.strip_prefix("-> ") {
            Some(target) => zip
                .add_symlink(*name, target, SimpleFileOptions::default())
                .unwrap(),
            None => {
                zip.start_file(*name, SimpleFileOptions::default()).unwrap();
                zip.write_all(text.as_bytes()).unwrap();
            }
        }
    }
    zip.finish().unwrap().into_inner()
}

fn good() -> Vec<u8> {
    let line = |l| format!("{{\"sentence1\":\"一\",\"sentence2\":\"二\",\"label\":\"{l}\"}}\n");
    archive(&[
        ("afqmc_public/train.json", &(line(0).repeat(50) + &line(1))),
        ("afqmc_public/dev.json", &line(1)),
        ("__MACOSX/afqmc_public/._dev.json", "junk"),
        ("afqmc_public/.DS_Store", "junk"),
    ])
}

/// Counts bytes, and may stop once some have come.
#[derive(Default)]
struct Counted {
    done: Cell<usize>,
    total: Cell<usize>,
    stops: bool,
}

impl Progress for Counted {
    fn begin(&self, _what: &str, total: usize) {
        self.total.set(total);
        self.done.set(0);
    }

    fn advance(&self, units: usize) -> Result<()> {
        self.done.set(self.done.get() + units);
        if self.stops && self.done.get() > 0 {
            return Err(Error::interrupted());
        }
        Ok(())
    }

    fn say(&self, _words: &str) {}
}

fn get(dir: &Path, base: &str, body: &[u8]) -> Result<Fetched> {
    let pin = blake3::hash(body).to_string();
    fetch("afqmc", dir, base, Some(&pin), &Silent)
}

fn files(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_good_archive() {
    let (body, root) = (good(), tempdir().unwrap());
    let dir = root.path().join("clue/afqmc");
    let (base, asked) = serve(body.clone(), &[Answer::Honest]);
    let counted = Counted::default();
    let pin = blake3::hash(&body).to_string();
    let fetched = fetch("afqmc", &dir, &base, Some(&pin), &counted).unwrap();
    assert_eq!(fetched.splits, [(Split::Train, 51), (Split::Dev, 1)]);
    assert_eq!(fetched.digest.to_string(), pin);
    assert_eq!(files(&dir), ["dev.json", "train.json"]);
    assert_eq!(files(dir.parent().unwrap()), ["afqmc"]);
    assert_eq!(counted.done.get(), body.len());
    assert_eq!(counted.total.get(), body.len());
    assert_eq!(*asked.lock().unwrap(), [""]);
    // It is there now; nothing overwrites it.
    let again = get(&dir, &base, &body).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Usage);
}

#[test]
fn resumes_where_it_broke_off() {
    let (body, root) = (good(), tempdir().unwrap());
    let (base, asked) = serve(
        body.clone(),
        &[Answer::Break(100), Answer::Break(50), Answer::Honest],
    );
    get(&root.path().join("a"), &base, &body).unwrap();
    assert_eq!(*asked.lock().unwrap(), ["", "100-", "150-"]);
}

#[test]
fn a_stopped_download_goes_on_at_the_next_call() {
    let (body, root) = (good(), tempdir().unwrap());
    let dir = root.path().join("a");
    let (base, asked) = serve(body.clone(), &[Answer::Honest, Answer::Honest]);
    let stopping = Counted {
        stops: true,
        ..Counted::default()
    };
    let error = fetch("afqmc", &dir, &base, None, &stopping).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert_eq!(files(root.path()), ["a.zip.part"]);
    get(&dir, &base, &body).unwrap();
    // All of this small file had come already: the server says so with 416.
    assert_eq!(
        *asked.lock().unwrap(),
        [String::new(), format!("{}-", body.len())]
    );
    assert_eq!(files(root.path()), ["a"]);
}

#[test]
fn a_server_without_ranges_starts_over() {
    let (body, root) = (good(), tempdir().unwrap());
    fs::write(root.path().join("a.zip.part"), "stale").unwrap();
    let (base, _) = serve(body.clone(), &[Answer::IgnoreRange]);
    get(&root.path().join("a"), &base, &body).unwrap();
    // A part longer than the file is not the file.
    fs::write(
        root.path().join("b.zip.part"),
        [&body[..], b"more"].concat(),
    )
    .unwrap();
    let (base, asked) = serve(body.clone(), &[Answer::Honest, Answer::Honest]);
    get(&root.path().join("b"), &base, &body).unwrap();
    assert_eq!(
        *asked.lock().unwrap(),
        [format!("{}-", body.len() + 4), String::new()]
    );
}

#[test]
fn gives_up_on_refusals() {
    let (body, root) = (good(), tempdir().unwrap());
    let dir = root.path().join("a");
    let (base, _) = serve(body.clone(), &[Answer::Status(404)]);
    let error = get(&dir, &base, &body).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert!(error.to_string().contains("404"), "{error}");
    let (base, asked) = serve(body.clone(), &[Answer::Status(503); 3]);
    let error = get(&dir, &base, &body).unwrap_err().to_string();
    assert!(error.contains("503") && error.contains("again"), "{error}");
    assert_eq!(asked.lock().unwrap().len(), 3);
    let (base, _) = serve(body.clone(), &[Answer::Huge]);
    let error = get(&dir, &base, &body).unwrap_err().to_string();
    assert!(error.contains("larger than 256 MiB"), "{error}");
    let unknown = fetch("sst2", &dir, &base, None, &Silent).unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::Usage);
    assert!(files(root.path()).is_empty());
}

/// An archive that is refused leaves nothing behind, not even the downloaded bytes.
fn refused(body: &[u8], pin: Option<&str>) -> String {
    let root = tempdir().unwrap();
    let (base, _) = serve(body.to_vec(), &[Answer::Honest]);
    let error = fetch("afqmc", &root.path().join("a"), &base, pin, &Silent);
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(files(root.path()).is_empty());
    error.to_string()
}

#[test]
fn refuses_what_is_not_the_archive() {
    let body = good();
    let pin = blake3::hash(&body).to_string();
    let unknown = refused(&body, None);
    assert!(unknown.contains(&format!("--digest {pin}")), "{unknown}");
    assert!(refused(&body, Some("00")).contains("not the pinned 00"));
    let cut = &body[..body.len() - 30];
    let error = refused(cut, Some(&blake3::hash(cut).to_string()));
    assert!(error.contains("damaged"), "{error}");
}

#[test]
fn refuses_hostile_archives() {
    let refuse = |entries: &[(&str, &str)]| {
        let body = archive(entries);
        refused(&body, Some(&blake3::hash(&body).to_string()))
    };
    for name in [
        "../train.json",
        "/train.json",
        "a/../../train.json",
        "C:\\train.json",
    ] {
        let error = refuse(&[(name, "x")]);
        assert!(error.contains("leads out of its folder"), "{error}");
    }
    assert!(refuse(&[("train.json", "-> /etc/passwd")]).contains("a link"));
    assert!(refuse(&[("a/train.json", "x"), ("b/train.json", "y")]).contains("train.json"));
    let names: Vec<String> = (0..1001).map(|i| format!("{i}.txt")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|n| (n.as_str(), "")).collect();
    assert!(refuse(&many).contains("1001 entries"));
}

#[test]
fn data_that_do_not_read_get_no_name() {
    let body = archive(&[("train.json", "{\"sentence1\": 1}\n"), ("dev.json", "")]);
    let root = tempdir().unwrap();
    let (base, _) = serve(body.clone(), &[Answer::Honest]);
    let error = get(&root.path().join("a"), &base, &body)
        .unwrap_err()
        .to_string();
    assert!(error.contains("train.json:1: no label"), "{error}");
    assert_eq!(files(root.path()), ["a.zip.part"]);
}

/// TLS takes long to build, so that a build has it only where it is asked for.
#[cfg(not(feature = "tls"))]
#[test]
fn a_build_without_tls_says_how_to_get_one() {
    let root = tempdir().unwrap();
    let dir = root.path().join("a");
    let error = fetch("TNEWS", &dir, OFFICIAL, None, &Silent).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    let error = error.to_string();
    assert!(error.contains("`make fetch-tnews`"), "{error}");
    assert!(files(root.path()).is_empty());
}
