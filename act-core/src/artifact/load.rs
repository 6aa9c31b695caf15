//! Reading whole artifacts. One loop verifies the tensors, whether they are copied from a stream
//! or are windows of a mapped file. Every byte has two digests, its tensor's and the file's; of a
//! mapped file the second is computed on a thread of its own, at the same time.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use memmap2::Mmap;

use super::byte_stream::ByteStream;
use super::directory::TensorEntry;
use super::header::{self, Header};
use super::layout::TRAILER_LEN;
use super::model::Artifact;
use super::values::ValueRules;
use crate::error::{Error, Result};
use crate::params::Params;
use crate::tensor::{Buffer, DType, Tensor, TensorData};

/// Shorter files are hashed before a thread would have started.
const WORTH_A_THREAD: usize = 1 << 20;

impl Artifact {
    /// Reads and checks a whole artifact from a stream (a pipe), to its end. Memory grows with the
    /// bytes that really arrive, never with a length that the stream claims.
    pub fn read(reader: impl Read) -> Result<Self> {
        stream(reader)
    }

    /// Maps a file and checks it whole; tensors are windows of the map, so memory is shared with
    /// the page cache. A path that is a pipe is read as a stream.
    ///
    /// The file must not be changed in place while it is mapped (act replaces files, it never
    /// rewrites them): a file cut short under the map ends the process with `SIGBUS`.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        map(path).map_err(|e| header::at_path(path, e))
    }
}

/// Reads from a stream.
fn stream(reader: impl Read) -> Result<Artifact> {
    let mut source = ByteStream::new(reader);
    let header = Header::read_from(&mut source)?;
    let take = |source: &mut ByteStream<_>, entry: &TensorEntry| {
        let (name, shape) = (&entry.spec.name, &entry.spec.shape);
        // A length that the directory has checked.
        let bytes = entry.len as usize;
        let data = match entry.spec.dtype {
            DType::F32 => TensorData::F32(source.values(bytes / 4, name)?.into()),
            DType::F16 => TensorData::F16(source.values(bytes / 2, name)?.into()),
            DType::I8 => TensorData::I8(source.values(bytes, name)?.into()),
            DType::I4 => TensorData::I4(source.values(bytes, name)?.into()),
            DType::U4 => TensorData::U4(source.values(bytes, name)?.into()),
        };
        Ok(Tensor::new(shape.clone(), data))
    };
    load(source, header, take, ByteStream::end)
}

/// Maps a regular file; reads anything else (a named pipe) as a stream.
fn map(path: &Path) -> Result<Artifact> {
    let (file, size) = header::open(path)?;
    // An empty file cannot be mapped; as a stream it gets the right error.
    if matches!(size, None | Some(0)) {
        return stream(file);
    }
    let map = Arc::new(map_file(&file).map_err(|e| Error::io(path, e))?);
    let mut source = ByteStream::unhashed(&map[..]);
    let header = Header::read_from(&mut source)?;
    header::check_size(Some(map.len() as u64), header.file_len)?;
    let take = |source: &mut ByteStream<_>, entry: &TensorEntry| {
        let (at, len) = (source.offset() as usize, entry.len as usize);
        source.pass(len, &entry.spec.name)?;
        let data = match entry.spec.dtype {
            DType::F32 => TensorData::F32(Buffer::mapped(map.clone(), at, len)?),
            DType::F16 => TensorData::F16(Buffer::mapped(map.clone(), at, len)?),
            DType::I8 => TensorData::I8(Buffer::mapped(map.clone(), at, len)?),
            DType::I4 => TensorData::I4(Buffer::mapped(map.clone(), at, len)?),
            DType::U4 => TensorData::U4(Buffer::mapped(map.clone(), at, len)?),
        };
        Ok(Tensor::new(entry.spec.shape.clone(), data))
    };
    let covered = &map[..map.len().saturating_sub(TRAILER_LEN)];
    let hash = || blake3::hash(covered);
    thread::scope(|scope| {
        let worth = covered.len() >= WORTH_A_THREAD;
        let started = worth.then(|| thread::Builder::new().spawn_scoped(scope, hash));
        load(source, header, take, |source, file_len| {
            let digest = started.and_then(|thread| thread.ok()?.join().ok());
            source.end_with(file_len, digest.unwrap_or_else(hash))
        })
    })
}

fn map_file(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: the map is read-only and private to this process; that nobody cuts or rewrites the
    // file under it is the documented contract of `Artifact::open`.
    unsafe { Mmap::map(file) }
}

/// Takes every tensor with `take`, checks it, and reads on to the end of the file with `end`.
fn load<R: Read>(
    mut source: ByteStream<R>,
    header: Header,
    mut take: impl FnMut(&mut ByteStream<R>, &TensorEntry) -> Result<Tensor>,
    end: impl FnOnce(ByteStream<R>, u64) -> Result<()>,
) -> Result<Artifact> {
    let rules = ValueRules::new(&header.quant);
    let mut params = Params::new();
    for entry in &header.tensors {
        let (name, start) = (&entry.spec.name, header.data_offset + entry.offset);
        source.padding(start)?;
        let tensor = take(&mut source, entry)?;
        if *blake3::hash(tensor.bytes()).as_bytes() != entry.digest.0 {
            return Err(Error::rejected(format!(
                "tensor {name} at byte {start} is damaged: it does not have the directory's digest"
            )));
        }
        params.insert(name, tensor);
        rules.check(name, &params)?;
    }
    source.padding(header.file_len - TRAILER_LEN as u64)?;
    end(source, header.file_len)?;
    Ok(Artifact {
        plan: header.plan,
        task: header.task,
        tokenizer: header.tokenizer,
        params,
        quant: header.quant,
        provenance: header.provenance,
    })
}
