//! The artifact: as a stream, as a mapped file, and its header alone.

use act_core::artifact::{Header, inspect};
use act_core::{Artifact, ErrorKind};

use super::{accepted, folder, refused};

/// An `.act` file. Both readers must agree about it, and a header must be that of its file.
pub fn artifact(bytes: &[u8]) -> bool {
    let dir = folder([("model.act", bytes)]);
    let path = dir.path().join("model.act");
    let (header, inspected) = (Header::read(bytes), inspect(&path));
    match (Artifact::read(bytes), Artifact::open(&path)) {
        (Ok(streamed), Ok(mapped)) => {
            let digest = mapped.model_digest().expect("it has a digest");
            for header in [header, inspected] {
                let header = header.expect("the header of a good file is good");
                assert_eq!(header.model_digest.to_string(), digest.to_string());
            }
            let save = |a: &Artifact| a.to_bytes().expect("what is loaded can be saved");
            assert!(save(&streamed) == save(&mapped));
            accepted(mapped);
            true
        }
        (Err(streamed), Err(mapped)) => {
            for error in [streamed, mapped] {
                refused(&error);
                assert_eq!(error.kind(), ErrorKind::Rejected, "{error}");
                // Whoever prints it need not escape anything.
                let text = error.to_string();
                assert!(!text.chars().any(char::is_control), "{text:?}");
            }
            false
        }
        (streamed, mapped) => panic!(
            "as a stream {:?}, as a file {:?}",
            streamed.err().map(|e| e.to_string()),
            mapped.err().map(|e| e.to_string())
        ),
    }
}
