//! The files of a folder that say something about text.

use std::path::{Path, PathBuf};

use act_core::tokenizer::LONGEST_JSON;
use act_core::{Error, Result};
use serde_json::Value;

use crate::file;

/// Name of the vocabulary, one token a line.
pub(crate) const VOCAB: &str = "vocab.txt";
/// Name of the tokenizer's rules.
pub(crate) const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
/// Name of the `tokenizers` crate's own description: rules and vocabulary in one.
pub(crate) const TOKENIZER: &str = "tokenizer.json";
/// Names of special tokens, beside or instead of those in the rules.
pub(super) const SPECIAL_TOKENS: &str = "special_tokens_map.json";
/// Tokens that were added to the vocabulary, with their ids.
pub(super) const ADDED_TOKENS: &str = "added_tokens.json";
/// Longest of the files that say rules and special tokens; published ones have some kB, and with
/// thousands of added tokens some hundred.
const RULES_LEN: u64 = 4 << 20;

/// The files; what is not there is null.
pub(super) struct Files {
    pub dir: PathBuf,
    pub config: Value,
    pub tokenizer: Value,
    pub special_tokens: Value,
    pub added_tokens: Value,
}

impl Files {
    pub fn read(dir: &Path) -> Result<Self> {
        let read = |name: &str| {
            let longest = match name {
                TOKENIZER => LONGEST_JSON as u64,
                _ => RULES_LEN,
            };
            let value = file::optional_json(&dir.join(name), longest)?;
            Ok::<_, Error>(value.unwrap_or(Value::Null))
        };
        Ok(Self {
            dir: dir.to_path_buf(),
            config: read(TOKENIZER_CONFIG)?,
            tokenizer: read(TOKENIZER)?,
            special_tokens: read(SPECIAL_TOKENS)?,
            added_tokens: read(ADDED_TOKENS)?,
        })
    }

    /// Puts a file's name before what is wrong with it.
    pub fn at(&self, name: &str) -> impl Fn(Error) -> Error {
        let path = self.dir.join(name);
        move |e| e.context(path.display())
    }

    /// Refuses vocabularies of tokenizers that act does not run.
    pub fn refuse_foreign_vocabularies(&self) -> Result<()> {
        let io = |e| Error::io(&self.dir, e);
        for entry in std::fs::read_dir(&self.dir).map_err(io)? {
            let name = entry.map_err(io)?.file_name();
            let name = name.to_string_lossy();
            if name.starts_with('.') {
                continue;
            }
            let what = match &*name {
                _ if name.ends_with(".model") => "a SentencePiece vocabulary",
                "dict.wordseg.pickle" => "a segmenter's dictionary",
                "merges.txt" | "bpe.codes" => "the merges of a byte-pair encoding",
                _ => continue,
            };
            return Err(Error::rejected(format!(
                "{} is {what}, which act does not run: only BERT's and ERNIE's WordPiece, or a \
                 tokenizer.json with the tokenizer_class PreTrainedTokenizerFast",
                self.dir.join(&*name).display()
            )));
        }
        Ok(())
    }
}
