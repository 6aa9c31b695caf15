//! Reading artifacts from files and pipes.

use std::fs::File;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Read};
use std::path::Path;

use crate::signals;
use act_core::artifact::Artifact;
use act_core::error::{Error, Result};

/// Reads an artifact; `-` is standard input. Files are mapped, pipes are read front to back.
pub(crate) fn read_artifact(path: &Path) -> Result<Artifact> {
    if crate::output::is_stream(path) {
        let stdin = std::io::stdin();
        if stdin.is_terminal() {
            return Err(Error::usage(
                "no input: give an artifact (model.act), or pipe one into standard input",
            ));
        }
        return read_stream("standard input", stdin.lock());
    }
    let name = path.display();
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    let found = file.metadata().map_err(|e| Error::io(path, e))?;
    if found.is_dir() {
        return Err(Error::usage(format!(
            "{name}: is a directory; expected an artifact (foreign models come in by `act-convert import`)"
        )));
    }
    if !found.is_file() {
        return read_stream(&name.to_string(), file);
    }
    if found.len() == 0 {
        return Err(Error::rejected(format!(
            "{name}: empty file, not an artifact"
        )));
    }
    drop(file);
    Artifact::open(path)
}

/// Reads from a pipe. One that ends before its first byte means that the stage before us wrote
/// nothing, and has said why itself.
fn read_stream(name: &str, stream: impl Read) -> Result<Artifact> {
    signals::while_blocked(|| {
        let mut stream = BufReader::with_capacity(1 << 20, stream);
        let first = stream.fill_buf().map_err(|e| Error::io(name, e))?;
        if first.is_empty() {
            return Err(Error::rejected(format!(
                "{name} is empty: the stage before it failed"
            )));
        }
        Artifact::read(stream).map_err(|e| e.context(name))
    })
}
