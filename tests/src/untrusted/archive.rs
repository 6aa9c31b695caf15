//! Archives of a model's folder.

use std::fs;
use std::path::Path;

use act_convert::archive::{ArchiveKind, unpack};
use tempfile::TempDir;

use super::{checked, folder, imported};

/// A `.tar` or `.tar.gz`. What comes out are plain files in one folder, in proportion to what went
/// in; then the whole import.
pub fn archive(bytes: &[u8]) -> bool {
    let source = folder([("model.tar", bytes)]);
    let path = source.path().join("model.tar");
    let kind = checked(ArchiveKind::of(&path)).expect("a file has a kind");
    if let Some(kind) = kind {
        let outer = TempDir::new().expect("a temporary folder");
        let inner = outer.path().join("inner");
        fs::create_dir(&inner).expect("a folder is made");
        let whole = checked(unpack(&path, kind, &inner)).is_some();
        assert_eq!(
            names(outer.path()),
            ["inner"],
            "something was written outside"
        );
        let sizes = names(&inner).into_iter().map(|name| {
            let found = fs::symlink_metadata(inner.join(&name)).expect("the file is there");
            assert!(found.is_file(), "{name:?} is no file");
            found.len()
        });
        let (most, sum) = ((1 << 20) + 20 * bytes.len() as u64, sizes.sum::<u64>());
        assert!(sum <= most, "{sum} bytes out of {}", bytes.len());
        if !whole {
            return false;
        }
    }
    imported(&path)
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("the folder is readable");
    let name = |e: std::io::Result<fs::DirEntry>| e.expect("an entry").file_name();
    entries
        .map(|e| name(e).to_string_lossy().into_owned())
        .collect()
}
