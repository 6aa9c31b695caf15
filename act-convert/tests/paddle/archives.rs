//! `act-convert import` itself: folders, archives, artifacts, options, exit codes.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use act_core::Artifact;
use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::tokenizer::Split;
use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use crate::writer::{Manner, Writer};

/// A folder with a model in `model/`.
pub struct Workshop {
    dir: TempDir,
    artifact: Artifact,
}

impl Workshop {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let artifact = tiny_artifact(9, &TinyOptions::default());
        let writer = Writer::write(&artifact, Manner::default());
        let model = dir.path().join("model");
        fs::create_dir(&model).unwrap();
        fs::write(model.join("any name.pdmodel"), writer.model()).unwrap();
        fs::write(model.join("weights.pdiparams"), writer.params()).unwrap();
        fs::write(
            model.join("vocab.txt"),
            artifact.tokenizer.word_piece().unwrap().vocab.as_bytes(),
        )
        .unwrap();
        Self { dir, artifact }
    }

    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_act-convert"))
            .current_dir(self.dir.path())
            .arg("import")
            .args(args)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    pub fn imports(&self, args: &[&str]) -> Artifact {
        let output = self.run(args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {stderr}");
        Artifact::read(&output.stdout[..]).unwrap()
    }

    /// Expects this exit code and one line with `words` in it.
    pub fn refuses(&self, args: &[&str], code: i32, words: &str) {
        let output = self.run(args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(stderr.contains(words), "{args:?}: {stderr}");
        assert!(
            stderr.trim_end().lines().count() == 1 && output.stdout.is_empty(),
            "{stderr}"
        );
    }

    /// An archive of the model's folder, and then what `more` adds.
    fn archive(&self, name: &str, more: impl FnOnce(&mut tar::Builder<Vec<u8>>)) {
        let mut tar = tar::Builder::new(Vec::new());
        tar.append_dir_all("published", self.path("model")).unwrap();
        more(&mut tar);
        let bytes = tar.into_inner().unwrap();
        fs::write(self.path(name), bytes).unwrap();
    }
}

fn entry(kind: tar::EntryType, name: &str, size: u64) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    // Written by hand: the builder refuses such names.
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

fn gzip(bytes: &[u8], path: &Path) {
    let mut gz = GzEncoder::new(fs::File::create(path).unwrap(), Compression::best());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap();
}

#[test]
fn folder_and_archives_give_the_same_bytes() {
    let shop = Workshop::new();
    shop.archive("model.tar", |_| {});
    gzip(
        &fs::read(shop.path("model.tar")).unwrap(),
        &shop.path("model.tgz"),
    );
    let bytes = |source| shop.run(&[source]).stdout;
    let folder = bytes("model");
    assert!(!folder.is_empty() && folder == bytes("model.tar") && folder == bytes("model.tgz"));

    let model = Artifact::read(&folder[..]).unwrap();
    assert_eq!(model.plan, shop.artifact.plan);
    let mut words = shop.artifact.tokenizer.word_piece().unwrap().clone();
    words.split = Split::PunctuationAndSymbols;
    words.whole_tokens = vec![0, 1, 2, 3, 4];
    assert_eq!(model.tokenizer, words.into());
    assert_eq!(model.provenance[0].stage, "act-convert");
    assert_eq!(model.provenance[0].data[0].name, "paddle/import");
    assert!(!model.provenance[0].config.contains('/'));

    fs::write(shop.path("base.act"), &folder).unwrap();
    assert!(bytes("base.act") == folder);
    shop.refuses(&["base.act", "--task", "tnews"], 2, "leave out --task");
    fs::write(shop.path("cut.act"), &folder[..folder.len() - 1]).unwrap();
    shop.refuses(&["cut.act"], 3, "cut.act");
}

#[test]
fn options_name_what_the_program_does_not() {
    let shop = Workshop::new();
    let plain = shop.imports(&["model"]);
    assert_eq!(plain.task.labels, ["0", "1", "2"]);
    assert_eq!(plain.task.max_seq_length, 32);
    let named = shop.imports(&[
        "model",
        "--task",
        "mood",
        "--labels",
        "bad,so,good",
        "--max-seq-length",
        "16",
    ]);
    assert_eq!(named.task.name, "mood");
    assert_eq!(named.task.labels, ["bad", "so", "good"]);
    assert_eq!(named.task.max_seq_length, 16);
    let ocnli = shop.imports(&["model", "--task", "OCNLI"]);
    assert_eq!(
        ocnli.task.labels,
        ["entailment", "contradiction", "neutral"]
    );
    assert_eq!(ocnli.task.name, "ocnli");

    shop.refuses(
        &["model", "--labels", "a,b"],
        2,
        "--labels gives 2 labels, but the model has 3",
    );
    shop.refuses(
        &["model", "--task", "afqmc"],
        2,
        "the task afqmc has 2 labels",
    );
    shop.refuses(
        &["model", "--max-seq-length", "33"],
        2,
        "the model takes 3 to 32",
    );
    shop.refuses(&["model", "--labels", "a,b,a"], 2, "gives \"a\" twice");
    shop.refuses(&["nothing"], 2, "nothing");
}

#[test]
fn vocabularies_of_other_sizes_and_rules() {
    let shop = Workshop::new();
    let vocab = &shop.artifact.tokenizer.word_piece().unwrap().vocab;
    let shorter = vocab.lines().take(100).collect::<Vec<_>>().join("\n");
    fs::write(shop.path("shorter.txt"), shorter).unwrap();
    let model = shop.imports(&["model", "--vocab", "shorter.txt"]);
    assert_eq!(model.tokenizer.vocab_size(), 128);
    assert_eq!(
        model.tokenizer.word_piece().unwrap().tokens().nth(127),
        Some("[no token 127]")
    );
    fs::write(shop.path("longer.txt"), format!("{vocab}one\ntoo\nmany\n")).unwrap();
    shop.refuses(&["model", "--vocab", "longer.txt"], 2, "131 tokens");
    let turned = vocab.replacen("[PAD]\n[UNK]", "[UNK]\n[PAD]", 1);
    fs::write(shop.path("turned.txt"), turned).unwrap();
    shop.refuses(&["model", "--vocab", "turned.txt"], 2, "[PAD] is token 1");

    fs::write(
        shop.path("model/tokenizer_config.json"),
        r#"{"do_lower_case":false}"#,
    )
    .unwrap();
    assert!(
        !shop
            .imports(&["model"])
            .tokenizer
            .word_piece()
            .unwrap()
            .lowercase
    );
    fs::remove_file(shop.path("model/vocab.txt")).unwrap();
    shop.refuses(&["model"], 2, "give --vocab");
}

#[test]
fn folders_without_one_model_are_refused() {
    let shop = Workshop::new();
    fs::create_dir(shop.path("empty")).unwrap();
    shop.refuses(&["empty"], 2, "no model that is known");
    fs::write(shop.path("model/other.pdmodel"), "").unwrap();
    let programs = "2 programs, any name.pdmodel and other.pdmodel: import one of them by its path";
    shop.refuses(&["model"], 2, programs);
    // A program that is named, or its parameters, with what stands beside it.
    let named = shop.imports(&["model/any name.pdmodel"]);
    assert_eq!(named.plan, shop.artifact.plan);
    shop.refuses(
        &["model/other.pdmodel"],
        3,
        "other.pdmodel: no Paddle program",
    );
    shop.refuses(&["model/third.pdmodel"], 2, "third.pdmodel");
    fs::copy(
        shop.path("model/weights.pdiparams"),
        shop.path("model/any name.pdiparams"),
    )
    .unwrap();
    let named = shop.imports(&["model/any name.pdiparams"]);
    assert_eq!(named.plan, shop.artifact.plan);
    fs::remove_file(shop.path("model/any name.pdiparams")).unwrap();
    fs::remove_file(shop.path("model/any name.pdmodel")).unwrap();
    shop.refuses(&["model"], 3, "other.pdmodel: no Paddle program");
    fs::remove_file(shop.path("model/weights.pdiparams")).unwrap();
    shop.refuses(&["model"], 2, "0 parameter files");
}

#[test]
fn archives_that_lead_elsewhere_are_refused() {
    let shop = Workshop::new();
    let refuses = |kind, name: &str, words: &str| {
        let header = entry(kind, name, 0);
        shop.archive("bad.tar", |tar| tar.append(&header, &[][..]).unwrap());
        shop.refuses(&["bad.tar"], 3, words);
    };
    use tar::EntryType as T;
    refuses(T::Regular, "../vocab.txt", "leads out of its folder");
    refuses(T::Regular, "a/../../vocab.txt", "leads out of its folder");
    refuses(T::Regular, "/tmp/vocab.txt", "leads out of its folder");
    refuses(T::Symlink, "published/x.json", "a link");
    refuses(T::Link, "published/x.json", "a link");
    refuses(T::Char, "published/x.json", "neither a file nor a folder");
    refuses(T::Block, "published/x.json", "neither a file nor a folder");
    refuses(T::Fifo, "published/x.json", "neither a file nor a folder");
    refuses(T::Regular, "other/vocab.txt", "two files of this name");
}

/// Names too long for a header come in entries of their own, in GNU's way or in POSIX's.
#[test]
fn long_names_follow_the_same_rules() {
    let shop = Workshop::new();
    let refuses = |kind, body: &[u8], words: &str| {
        let header = entry(kind, "long", body.len() as u64);
        shop.archive("bad.tar", |tar| {
            tar.append(&header, body).unwrap();
            let header = entry(tar::EntryType::Regular, "plain.json", 0);
            tar.append(&header, &[][..]).unwrap();
        });
        shop.refuses(&["bad.tar"], 3, words);
    };
    use tar::EntryType as T;
    refuses(
        T::GNULongName,
        b"a/../../plain.json",
        "leads out of its folder",
    );
    refuses(
        T::GNULongName,
        b"/tmp/plain.json",
        "leads out of its folder",
    );
    refuses(
        T::XHeader,
        b"21 path=../plain.txt\n",
        "leads out of its folder",
    );
    // A name is read into memory whole, so its length is bounded.
    let long = vec![b'a'; 1 << 17];
    refuses(T::GNULongName, &long, "65536 bytes of names");
    refuses(T::XHeader, &long, "65536 bytes of names");
}

#[test]
fn archives_that_are_damaged_or_bombs_are_refused() {
    let shop = Workshop::new();
    shop.archive("model.tar", |_| {});
    let tar = fs::read(shop.path("model.tar")).unwrap();
    gzip(&tar, &shop.path("whole.tgz"));
    let gz = fs::read(shop.path("whole.tgz")).unwrap();
    fs::write(shop.path("cut.tgz"), &gz[..gz.len() / 2]).unwrap();
    shop.refuses(&["cut.tgz"], 3, "the archive is damaged");
    fs::write(shop.path("cut.tar"), &tar[..5 * 512 + 100]).unwrap();
    shop.refuses(&["cut.tar"], 3, "cut.tar");

    // 32 MiB of zeros, a thousand times what they take; every hundredth byte noise, about 100:1.
    let noise = |i: usize| (i.wrapping_mul(0x9e37_79b9) >> 13) as u8;
    for every in [usize::MAX, 150] {
        let mut bomb = entry(tar::EntryType::Regular, "a.pdiparams", 32 << 20)
            .as_bytes()
            .to_vec();
        bomb.extend((0..32 << 20).map(|i| if i % every == 1 { noise(i) } else { 0 }));
        gzip(&bomb, &shop.path("bomb.tgz"));
        shop.refuses(&["bomb.tgz"], 3, "times its bytes come out");
    }

    // A header that promises 2^62 bytes.
    let huge = entry(tar::EntryType::Regular, "a.pdiparams", 1 << 62);
    fs::write(
        shop.path("huge.tar"),
        [huge.as_bytes(), &[0; 1024][..]].concat(),
    )
    .unwrap();
    shop.refuses(&["huge.tar"], 3, "huge.tar");
    fs::write(shop.path("noise"), [7; 4096]).unwrap();
    shop.refuses(&["noise"], 3, "noise");
}

/// Gzip's sum stands behind the archive's last entry, where a reader of tar alone never comes.
#[test]
fn a_damaged_archive_is_no_other_model() {
    let shop = Workshop::new();
    shop.archive("model.tar", |_| {});
    gzip(
        &fs::read(shop.path("model.tar")).unwrap(),
        &shop.path("model.tgz"),
    );
    let whole = fs::read(shop.path("model.tgz")).unwrap();
    let model = shop.run(&["model.tgz"]).stdout;
    // The first ten bytes say a time and a system; of the last eight four are the sum.
    let places = (10..whole.len()).step_by(whole.len() / 40);
    for place in places.chain([whole.len() - 8, whole.len() - 1]) {
        let mut damaged = whole.clone();
        damaged[place] ^= 1 << (place % 8);
        fs::write(shop.path("damaged.tgz"), &damaged).unwrap();
        let output = shop.run(&["damaged.tgz"]);
        assert_eq!(output.status.code(), Some(3), "byte {place}");
        assert!(
            output.stdout.is_empty() && !model.is_empty(),
            "byte {place}"
        );
    }
    fs::write(shop.path("cut.tgz"), &whole[..whole.len() - 3]).unwrap();
    shop.refuses(&["cut.tgz"], 3, "the archive is damaged");
}

#[test]
fn what_is_no_artifact_is_refused_before_its_options() {
    let shop = Workshop::new();
    fs::write(shop.path("noise"), b"no model at all").unwrap();
    shop.refuses(&["noise", "--task", "tnews"], 3, "not an .act artifact");
}
