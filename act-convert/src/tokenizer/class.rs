//! Which class reads a folder's files: the name in `tokenizer_config.json`, or in `config.json`.

use act_core::tokenizer::Split;
use act_core::{Error, Result};
use serde_json::Value;

use super::built::Built;
use super::files::{Files, TOKENIZER_CONFIG};
use crate::file::brief;

/// How a folder's files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// `BertTokenizer` of `transformers` and classes that are the same.
    Bert,
    /// `tokenizer.json` as it is.
    WholeFile,
    /// A pipeline of its own around the vocabulary.
    Built(Built),
    /// PaddleNLP's WordPiece.
    Paddle(Split),
}

/// Classes of `transformers` whose rules are BERT's, without `Fast`.
const BERT: [&str; 9] = [
    "BertTokenizer",
    "DistilBertTokenizer",
    "ElectraTokenizer",
    "ConvBertTokenizer",
    "MobileBertTokenizer",
    "SqueezeBertTokenizer",
    "RetriBertTokenizer",
    "RealmTokenizer",
    "LayoutLMTokenizer",
];

/// Classes of PaddleNLP whose words are `ErnieTokenizer`'s.
const PADDLE_ERNIE: [&str; 6] = [
    "ErnieTokenizer",
    "ErnieGramTokenizer",
    "ErnieDocTokenizer",
    "ErnieViLTokenizer",
    "NeZhaTokenizer",
    "SkepTokenizer",
];

/// Classes of PaddleNLP whose words are `BertTokenizer`'s.
const PADDLE_BERT: [&str; 8] = [
    "BertTokenizer",
    "PPMiniLMTokenizer",
    "TinyBertTokenizer",
    "DistilBertTokenizer",
    "ElectraTokenizer",
    "ConvBertTokenizer",
    "MobileBertTokenizer",
    "MegatronBertTokenizer",
];

/// Also its, for a `vocab.txt`.
const PADDLE_ROBERTA: [&str; 2] = ["RobertaTokenizer", "RobertaChineseTokenizer"];

impl Class {
    /// Whether its encodings have token types.
    pub fn gives_types(self, files: &Files, model: &Value) -> Result<bool> {
        Ok(match self {
            Self::Built(_) => false,
            Self::Bert => {
                let name = name(files, model)?;
                !name.is_some_and(|name| name.starts_with("DistilBert"))
            }
            Self::WholeFile | Self::Paddle(_) => true,
        })
    }

    /// The class of a Hugging Face folder with this `config.json`.
    ///
    /// # Errors
    /// Rejected: a class that act does not run, or code of the folder's own.
    pub fn huggingface(files: &Files, model: &Value) -> Result<Self> {
        refuse_code(files)?;
        let Some(name) = name(files, model)? else {
            // The class of the model's type.
            let kind = model.get("model_type").and_then(Value::as_str);
            let built =
                kind.and_then(|kind| Built::ALL.into_iter().find(|b| b.model_type() == kind));
            return Ok(built.map_or(Self::Bert, Self::Built));
        };
        let plain = name.strip_suffix("Fast").unwrap_or(&name);
        if ["PreTrainedTokenizer", "TokenizersBackend"].contains(&plain) {
            return Ok(Self::WholeFile);
        }
        if BERT.contains(&plain) {
            return Ok(Self::Bert);
        }
        if let Some(built) = Built::ALL.into_iter().find(|b| b.class() == plain) {
            // PaddleNLP's class of this name reads a `vocab.txt`, which this one does not.
            return Ok(Self::Built(built));
        }
        // In a folder of `transformers` this is a byte-pair encoding.
        let other = PADDLE_ROBERTA.contains(&plain);
        match paddle(&name).filter(|_| !other) {
            Some(split) if files.tokenizer.is_null() => Ok(Self::Paddle(split)),
            Some(_) => Err(Error::rejected(format!(
                "{}: tokenizer_class {name} is PaddleNLP's, and there is a tokenizer.json, which \
                 PaddleNLP does not read: remove one",
                files.dir.display()
            ))),
            None => Err(unknown(&name)),
        }
    }

    /// The rules of words in a Paddle folder; without a name those of `ErnieTokenizer`.
    ///
    /// # Errors
    /// Rejected: a class that act does not run.
    pub fn paddle(files: &Files) -> Result<Split> {
        refuse_code(files)?;
        match name(files, &Value::Null)? {
            None => Ok(Split::PunctuationAndSymbols),
            Some(name) => paddle(&name).ok_or_else(|| unknown(&name)),
        }
    }
}

fn paddle(name: &str) -> Option<Split> {
    if PADDLE_ERNIE.contains(&name) {
        return Some(Split::PunctuationAndSymbols);
    }
    let bert = PADDLE_BERT.contains(&name) || PADDLE_ROBERTA.contains(&name);
    bert.then_some(Split::SymbolsOutsideWholeTokens)
}

fn unknown(name: &str) -> Error {
    Error::rejected(format!(
        "tokenizer_class {} makes other tokens than act would: BertTokenizer, ErnieTokenizer and those \
         that are the same are run, {}, and any tokenizer.json of known parts with \
         PreTrainedTokenizerFast",
        brief(&name.into()),
        Built::ALL.map(Built::class).join(", ")
    ))
}

/// PaddleNLP's older files call it `init_class`.
fn name(files: &Files, model: &Value) -> Result<Option<String>> {
    let named = [
        files.config.get("tokenizer_class"),
        files.config.get("init_class"),
        model.get("tokenizer_class"),
    ];
    let Some(value) = named.into_iter().flatten().find(|value| !value.is_null()) else {
        return Ok(None);
    };
    let name = value.as_str().map(str::to_string);
    name.map(Some)
        .ok_or_else(|| Error::rejected(format!("tokenizer_class is {}", brief(value))))
}

fn refuse_code(files: &Files) -> Result<()> {
    match files.config.get("auto_map") {
        None | Some(Value::Null) => Ok(()),
        Some(code) => Err(Error::rejected(format!(
            "auto_map {}: the folder's own code makes the tokens, which act does not run",
            brief(code)
        ))),
    }
    .map_err(files.at(TOKENIZER_CONFIG))
}
