//! Vocabulary pruning: rows of the word embeddings that no text needs go, and the tokenizer with
//! them. Embeddings are 28 to 43 % of small encoders.
//!
//! What stays are the special tokens and every entry that decides how some text of the corpus is
//! encoded ([`act_core::Tokenizer::entries`]), in their old order. A text all of whose entries stay
//! is encoded to the same tokens and so answered alike, to the last bit; what is not covered
//! becomes `[UNK]`. Works on float and int8 tables; reads train or a given file, never dev.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use act_core::names::group_multipliers;
use act_core::provenance::{DataRecord, Digest};
use act_core::quant::WeightBits;
use act_core::tensor::TensorData;
use act_core::tokenizer::shorten_json;
use act_core::{
    Artifact, Embedding, Error, Params, Result, Tensor, Tokenizer, TokenizerSpec, WordPieceSpec,
};
use act_data::{Coverage, Dataset, Encoded, Example};
use act_stage::report::{Cut, VocabularyCut};

/// Which tokens stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vocabulary {
    /// All of them.
    All,
    /// Those that the training data use.
    Used,
    /// Those that a file of texts uses, one text a line.
    Corpus(PathBuf),
}

/// What became of the vocabulary.
#[derive(Debug, Clone, PartialEq)]
pub struct Shortened {
    /// Tokens before and after.
    pub cut: VocabularyCut,
    /// The corpus, if it is not train.
    pub corpus: Option<DataRecord>,
    /// How many examples of train the model does not read to their end.
    pub texts_cut: Cut,
}

/// Reduces the model's vocabulary; `None` if it is to stay.
///
/// # Errors
/// A corpus that is not there, not UTF-8 or empty; a `tokenizer.json` with WordPiece.
pub fn shorten(
    model: &mut Artifact,
    vocabulary: &Vocabulary,
    train: &Dataset,
) -> Result<Option<Shortened>> {
    let tokenizer = Tokenizer::new(&model.tokenizer, usize::MAX)?;
    let (ids, corpus) = match vocabulary {
        Vocabulary::All => return Ok(None),
        Vocabulary::Used => (entries(&tokenizer, texts(&train.examples))?, None),
        Vocabulary::Corpus(path) => {
            let text = read(path)?;
            let record = DataRecord {
                name: "vocabulary/corpus".into(),
                digest: Digest(*blake3::hash(text.as_bytes()).as_bytes()),
                examples: text.lines().count() as u64,
                synthetic: false,
            };
            (entries(&tokenizer, text.lines())?, Some(record))
        }
    };
    let before = model.tokenizer.vocab_size();
    let (known, _) = count(model, train)?;
    keep(model, ids)?;
    let (left, texts_cut) = count(model, train)?;
    let cut = VocabularyCut {
        before,
        after: model.tokenizer.vocab_size(),
        train_tokens: known.tokens,
        train_unknown: left.unknown.saturating_sub(known.unknown),
    };
    Ok(Some(Shortened {
        cut,
        corpus,
        texts_cut,
    }))
}

/// Keeps the tokens of `ids` and the special ones: rows of the table, lines of the vocabulary, and
/// the ids of the special tokens follow.
///
/// # Errors
/// Rejected: ids or tensors outside the plan.
pub fn keep(model: &mut Artifact, ids: BTreeSet<u32>) -> Result<()> {
    let (tokenizer, ids) = match &model.tokenizer {
        TokenizerSpec::WordPiece(spec) => shorten_lines(spec, ids)?,
        TokenizerSpec::Json(spec) => {
            let (spec, ids) = shorten_json(spec, &ids)?;
            (TokenizerSpec::Json(spec), ids)
        }
    };
    let ids: Vec<usize> = ids.into_iter().map(|id| id as usize).collect();
    let rows = model.plan.embeddings.vocab_size;
    if let Some(id) = ids.last().filter(|id| **id >= rows) {
        return Err(Error::rejected(format!("token {id} of {rows} is to stay")));
    }
    model.tokenizer = tokenizer;
    let width = model.plan.embeddings.width;
    keep_rows(&mut model.params, &Embedding::Word.weight(), &ids, width)?;
    if let Some(quant) = model.quant.embedding(Embedding::Word) {
        keep_rows(&mut model.params, &Embedding::Word.scale(), &ids, 1)?;
        if quant.bits != WeightBits::Eight {
            let name = group_multipliers(&Embedding::Word.weight());
            keep_rows(&mut model.params, &name, &ids, 1)?;
        }
    }
    model.plan.embeddings.vocab_size = ids.len();
    Ok(())
}

/// A vocabulary with those lines and the special ones alone, and which they are.
fn shorten_lines(
    spec: &WordPieceSpec,
    mut ids: BTreeSet<u32>,
) -> Result<(TokenizerSpec, Vec<u32>)> {
    ids.extend(spec.special().map(|(_, id)| id));
    ids.extend(&spec.whole_tokens);
    let ids: Vec<u32> = ids.into_iter().collect();
    let tokens: Vec<&str> = spec.tokens().collect();
    let limit = tokens.len();
    if let Some(id) = ids.last().filter(|id| **id as usize >= limit) {
        return Err(Error::rejected(format!("token {id} of {limit} is to stay")));
    }
    let lines = ids.iter().map(|&id| format!("{}\n", tokens[id as usize]));
    let place = |id: u32| ids.partition_point(|&kept| kept < id) as u32;
    let spec = WordPieceSpec {
        vocab: lines.collect::<String>().into(),
        whole_tokens: spec.whole_tokens.iter().map(|&id| place(id)).collect(),
        pad_id: place(spec.pad_id),
        unk_id: place(spec.unk_id),
        cls_id: place(spec.cls_id),
        sep_id: place(spec.sep_id),
        mask_id: spec.mask_id.map(place),
        ..spec.clone()
    };
    Ok((spec.into(), ids))
}

/// Keeps rows of `width` numbers; a tensor of one dimension has rows of one.
fn keep_rows(params: &mut Params, name: &str, rows: &[usize], width: usize) -> Result<()> {
    let tensor = params.get(name)?;
    let mut shape = tensor.shape().to_vec();
    let bytes = tensor.bytes().len() / shape[0].max(1);
    shape[0] = rows.len();
    fn gather<T: Copy>(values: &[T], rows: &[usize], width: usize) -> Vec<T> {
        let row = |&row: &usize| &values[row * width..(row + 1) * width];
        rows.iter().flat_map(row).copied().collect()
    }
    let data = match tensor.data() {
        TensorData::F32(values) => TensorData::F32(gather(values, rows, width).into()),
        TensorData::F16(values) => TensorData::F16(gather(values, rows, width).into()),
        TensorData::I8(values) => TensorData::I8(gather(values, rows, width).into()),
        // Rows of four-bit numbers start bytes.
        TensorData::I4(values) => TensorData::I4(gather(values, rows, bytes).into()),
        TensorData::U4(values) => TensorData::U4(gather(values, rows, bytes).into()),
    };
    params.insert(name, Tensor::new(shape, data));
    Ok(())
}

fn texts(examples: &[Example]) -> impl Iterator<Item = &str> {
    let texts = examples
        .iter()
        .map(|e| (e.text.as_str(), e.pair.as_deref()));
    texts.flat_map(|(text, pair)| std::iter::once(text).chain(pair))
}

fn entries<'a>(
    tokenizer: &Tokenizer,
    texts: impl Iterator<Item = &'a str>,
) -> Result<BTreeSet<u32>> {
    let mut ids = BTreeSet::new();
    for text in texts {
        ids.extend(tokenizer.entries(text)?);
    }
    Ok(ids)
}

/// How much of train the model's vocabulary knows, and how much of it the model reads.
fn count(model: &Artifact, train: &Dataset) -> Result<(Coverage, Cut)> {
    let tokenizer = Tokenizer::new(&model.tokenizer, model.task.max_seq_length)?;
    let Encoded { encodings, lengths } = train.encode(&tokenizer)?;
    let coverage = Coverage::of_any(&encodings, &model.tokenizer)?;
    Ok((coverage, lengths.cut()))
}

fn read(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
    let name = path.display();
    let text = String::from_utf8(bytes).map_err(|error| {
        let sound = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + sound.iter().filter(|b| **b == b'\n').count();
        Error::usage(format!("{name}:{line}: not UTF-8; save the file as UTF-8"))
    })?;
    if text.trim().is_empty() {
        return Err(Error::usage(format!("{name}: holds no text")));
    }
    Ok(text)
}
