//! The tokenizer of a folder, as the class that the folder names reads it: every rule of its files is
//! followed or refused by name.

mod added;
mod bert;
mod built;
mod class;
mod config;
mod fast;
mod files;
mod lines;
mod paddle;
mod pipeline;
mod vocab;

use std::path::Path;

use act_core::artifact::limits;
use act_core::{Error, Result, TokenizerSpec};
use serde_json::Value;

use class::Class;
use files::Files;

pub(crate) use files::{TOKENIZER, TOKENIZER_CONFIG, VOCAB};
pub use vocab::read_vocab;

/// What a folder says about text.
#[derive(Debug)]
pub struct FolderTokenizer {
    /// Vocabulary and rules.
    pub spec: TokenizerSpec,
    /// `model_max_length`, where it is a number of tokens.
    pub max_length: Option<usize>,
}

/// Rows of a model's tables.
#[derive(Debug, Clone, Copy)]
pub struct Tables {
    /// Of the word table.
    pub words: usize,
    /// Of the token-type table, 0 without one.
    pub types: usize,
}

/// Reads the tokenizer of a Hugging Face folder with this `config.json`, with the vocabulary of the
/// file `vocab` if there is one, for a model with these tables. A word table with more rows than
/// tokens (padded to a round number, as is usual) gets tokens that no text contains.
///
/// # Errors
/// Usage: no vocabulary, or a `vocab` that is none or not this model's. Rejected: the folder's own
/// is none or not this model's, or rules that act does not follow.
pub fn read_huggingface(
    dir: &Path,
    model: &Value,
    vocab: Option<&Path>,
    tables: Tables,
) -> Result<FolderTokenizer> {
    let rows = tables.words;
    check_rows(rows)?;
    let files = Files::read(dir)?;
    let class = Class::huggingface(&files, model)?;
    // A model without token types does not see them.
    let typed =
        tables.types == 0 || config::gives_types(&files.config, class.gives_types(&files, model)?);
    let spec = match class {
        Class::Bert | Class::Paddle(_) if !typed => Err(files.at(TOKENIZER_CONFIG)(untyped())),
        Class::Bert => bert::read(&files, vocab, rows),
        Class::WholeFile => fast::read(&files, vocab, rows, typed),
        Class::Built(built) => built.read(&files, vocab, rows, typed),
        Class::Paddle(split) => paddle::read(&files, split, vocab, rows).map(Into::into),
    }?;
    Ok(FolderTokenizer {
        spec,
        max_length: config::max_length(&files.config),
    })
}

/// As [`read_huggingface`], of a Paddle folder: PaddleNLP's rules.
///
/// # Errors
/// See [`read_huggingface`].
pub fn read_paddle(dir: &Path, vocab: Option<&Path>, rows: usize) -> Result<TokenizerSpec> {
    check_rows(rows)?;
    let files = Files::read(dir)?;
    let split = Class::paddle(&files)?;
    paddle::read(&files, split, vocab, rows).map(Into::into)
}

fn untyped() -> Error {
    Error::rejected(
        "model_input_names has no token_type_ids, or the tokenizer_class has not: the model would get \
         other token types",
    )
}

fn check_rows(rows: usize) -> Result<()> {
    if rows > limits::VOCAB {
        return Err(Error::rejected(format!("a word table of {rows} rows")));
    }
    Ok(())
}
