//! Classes of `transformers` 5 that take of a `tokenizer.json` its vocabulary, its added tokens and
//! little else, and build a pipeline of their own around it: byte-pair encoding of bytes (Radford et
//! al. 2019) and SentencePiece's unigram model (Kudo 2018).

use std::path::Path;

use act_core::{Error, Result, TokenizerSpec};
use serde_json::{Value, json};

use super::added::{self, Added, Named};
use super::config::{self, flag};
use super::fast;
use super::files::{Files, TOKENIZER, TOKENIZER_CONFIG};
use crate::file::{self, brief};

/// The longest `vocab.json` or `merges.txt`.
const LONGEST: u64 = act_core::tokenizer::LONGEST_JSON as u64;
/// SentencePiece's sign of a blank.
const BLANK: &str = "\u{2581}";

/// Such a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Built {
    Roberta,
    XlmRoberta,
    Camembert,
    Albert,
    Mpnet,
}

/// Names of special tokens by their keys, in the order in which they are added.
type Names = [(&'static str, &'static str); 7];

const ROBERTA: Names = [
    ("bos_token", "<s>"),
    ("eos_token", "</s>"),
    ("unk_token", "<unk>"),
    ("sep_token", "</s>"),
    ("pad_token", "<pad>"),
    ("cls_token", "<s>"),
    ("mask_token", "<mask>"),
];

const MPNET: Names = [
    ROBERTA[0],
    ROBERTA[1],
    ("unk_token", "[UNK]"),
    ROBERTA[3],
    ROBERTA[4],
    ROBERTA[5],
    ROBERTA[6],
];

const ALBERT: Names = [
    ("bos_token", "[CLS]"),
    ("eos_token", "[SEP]"),
    ("unk_token", "<unk>"),
    ("sep_token", "[SEP]"),
    ("pad_token", "<pad>"),
    ("cls_token", "[CLS]"),
    ("mask_token", "[MASK]"),
];

impl Built {
    pub const ALL: [Self; 5] = [
        Self::Roberta,
        Self::XlmRoberta,
        Self::Camembert,
        Self::Albert,
        Self::Mpnet,
    ];

    /// The class's name, without `Fast`.
    pub fn class(self) -> &'static str {
        match self {
            Self::Roberta => "RobertaTokenizer",
            Self::XlmRoberta => "XLMRobertaTokenizer",
            Self::Camembert => "CamembertTokenizer",
            Self::Albert => "AlbertTokenizer",
            Self::Mpnet => "MPNetTokenizer",
        }
    }

    /// Models of this type have it where nothing else is said.
    pub fn model_type(self) -> &'static str {
        match self {
            Self::Roberta => "roberta",
            Self::XlmRoberta => "xlm-roberta",
            Self::Camembert => "camembert",
            Self::Albert => "albert",
            Self::Mpnet => "mpnet",
        }
    }

    fn names(self) -> &'static Names {
        match self {
            Self::Albert => &ALBERT,
            Self::Mpnet => &MPNET,
            Self::Roberta | Self::XlmRoberta | Self::Camembert => &ROBERTA,
        }
    }

    /// Reads a folder of this class. Tokens are of type 0 unless they are `typed`.
    ///
    /// # Errors
    /// Usage: a `vocab` of the user. Rejected: no vocabulary of the class's kind, or a part that is not
    /// followed.
    pub fn read(
        self,
        files: &Files,
        vocab: Option<&Path>,
        rows: usize,
        typed: bool,
    ) -> Result<TokenizerSpec> {
        let class = self.class();
        if vocab.is_some() {
            return Err(Error::usage(format!(
                "{}: its tokenizer_class is {class}, which takes no --vocab",
                files.dir.display()
            )));
        }
        let at = files.at(TOKENIZER_CONFIG);
        config::check(&files.config).map_err(&at)?;
        for key in ["add_bos_token", "add_eos_token"] {
            if files.config.get(key).is_some() {
                let why = format!("{key} is not followed: {class} says what stands around a text");
                return Err(at(Error::rejected(why)));
            }
        }
        let named = Named::read(files, self.names()).map_err(&at)?;
        let mut file = json!({"version": "1.0", "model": self.model(files, &named)?});
        file["normalizer"] = self.normalizer(files).map_err(&at)?;
        file["pre_tokenizer"] = self.pre_tokenizer(files).map_err(&at)?;
        file["truncation"] = files
            .tokenizer
            .get("truncation")
            .cloned()
            .unwrap_or_default();
        let listed = added::listed(files, &named).map_err(&at)?;
        let extra = self.extra(files).map_err(&at)?;
        let all = added::all(listed, &named, extra, &fast::vocabulary(&file)).map_err(&at)?;
        file["post_processor"] = self.post_processor(files, &named, &all).map_err(&at)?;
        fast::whole(file, files, &named, &all, rows, typed).map_err(files.at(TOKENIZER))
    }

    /// The vocabulary as the class runs it.
    fn model(self, files: &Files, named: &Named) -> Result<Value> {
        let kind = match self {
            Self::Roberta => "BPE",
            Self::Mpnet => "WordPiece",
            Self::XlmRoberta | Self::Camembert | Self::Albert => "Unigram",
        };
        let model = if files.tokenizer.is_null() && self == Self::Roberta {
            pairs_of_files(files)?
        } else {
            let model = files.tokenizer.get("model").cloned().unwrap_or_default();
            let found = model.get("type").unwrap_or(&Value::Null);
            if *found != kind {
                let why = format!(
                    "model.type is {}, and tokenizer_class {} needs a {TOKENIZER} with {kind}: load the \
                     tokenizer with transformers and call save_pretrained(DIR)",
                    brief(found),
                    self.class()
                );
                return Err(files.at(TOKENIZER)(Error::rejected(why)));
            }
            model
        };
        let unknown = || {
            let list = model["vocab"].as_array().into_iter().flatten();
            let mut list = list.map(|entry| entry.get(0).and_then(Value::as_str));
            let name = named.get("unk_token");
            list.position(|token| token.is_some() && token == name)
        };
        Ok(match self {
            Self::Roberta => json!({"type": kind, "dropout": null, "unk_token": null,
                "continuing_subword_prefix": "", "end_of_word_suffix": "", "fuse_unk": false,
                "vocab": model["vocab"], "merges": model["merges"]}),
            Self::Mpnet => {
                json!({"type": kind, "unk_token": named.need("unk_token").map_err(files.at(TOKENIZER_CONFIG))?,
                "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                "vocab": model["vocab"]})
            }
            Self::XlmRoberta => unigram(&model, 3),
            Self::Camembert => unigram(&model, unknown().unwrap_or(0)),
            Self::Albert => unigram(&model, 1),
        })
    }

    fn normalizer(self, files: &Files) -> Result<Value> {
        let option = |key| flag(&files.config, key);
        if self == Self::Mpnet {
            return Ok(json!({"type": "BertNormalizer", "clean_text": true,
                "handle_chinese_chars": option("tokenize_chinese_chars")?.unwrap_or(true),
                "strip_accents": option("strip_accents")?,
                "lowercase": option("do_lower_case")?.unwrap_or(true)}));
        }
        let own = precompiled(&files.tokenizer);
        if self != Self::Albert {
            return Ok(own.unwrap_or_default());
        }
        let replace =
            |text: &str| json!({"type": "Replace", "pattern": {"String": text}, "content": "\""});
        let mut steps = vec![replace("``"), replace("''")];
        if !flag(&files.config, "keep_accents")?.unwrap_or(false) {
            steps.extend([json!({"type": "NFKD"}), json!({"type": "StripAccents"})]);
        }
        if flag(&files.config, "do_lower_case")?.unwrap_or(true) {
            steps.push(json!({"type": "Lowercase"}));
        }
        steps.extend(own);
        Ok(json!({"type": "Sequence", "normalizers": steps}))
    }

    fn pre_tokenizer(self, files: &Files) -> Result<Value> {
        let prefix = flag(&files.config, "add_prefix_space")?;
        if self == Self::Mpnet {
            return Ok(json!({"type": "BertPreTokenizer"}));
        }
        if self == Self::Roberta {
            return Ok(
                json!({"type": "ByteLevel", "trim_offsets": true, "use_regex": true,
                "add_prefix_space": prefix.unwrap_or(false)}),
            );
        }
        let scheme = if prefix.unwrap_or(true) {
            "always"
        } else {
            "never"
        };
        let blanks = json!({"type": "Metaspace", "replacement": BLANK, "prepend_scheme": scheme,
            "split": true});
        Ok(json!({"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, blanks]}))
    }

    /// `<s> A </s></s> B </s>`; ALBERT's file has its own, or BERT's.
    fn post_processor(self, files: &Files, named: &Named, all: &[Added]) -> Result<Value> {
        let own = files
            .tokenizer
            .get("post_processor")
            .filter(|own| !own.is_null());
        if let (Self::Albert, Some(own)) = (self, own) {
            return Ok(own.clone());
        }
        let token = |key: &str| {
            let name = named.need(key)?;
            let token = all.iter().find(|token| token.content == name);
            let id = token.map(|token| token.id);
            let id = id.ok_or_else(|| Error::rejected(format!("{key} {name:?} is no token")))?;
            Ok::<_, Error>((name, id))
        };
        if matches!(self, Self::Roberta | Self::Mpnet) {
            let (sep, cls) = (token("sep_token")?, token("cls_token")?);
            return Ok(json!({"type": "RobertaProcessing", "sep": sep, "cls": cls,
                "trim_offsets": true, "add_prefix_space": false}));
        }
        let albert = self == Self::Albert;
        let (start, end) = if albert {
            (token("cls_token")?, token("sep_token")?)
        } else {
            (token("bos_token")?, token("eos_token")?)
        };
        let second = u32::from(albert);
        let special =
            |name: &str, kind: u32| json!({"SpecialToken": {"id": name, "type_id": kind}});
        let text = |id: &str, kind: u32| json!({"Sequence": {"id": id, "type_id": kind}});
        let single = [special(start.0, 0), text("A", 0), special(end.0, 0)];
        let between = (!albert).then(|| special(end.0, 0));
        let behind = [text("B", second), special(end.0, second)];
        let pair: Vec<Value> = single
            .iter()
            .cloned()
            .chain(between)
            .chain(behind)
            .collect();
        let token = |(name, id): (&str, u32)| json!({"id": name, "ids": [id], "tokens": [name]});
        Ok(
            json!({"type": "TemplateProcessing", "single": single, "pair": pair,
            "special_tokens": {start.0: token(start), end.0: token(end)}}),
        )
    }

    /// Tokens without a name of their own.
    fn extra(self, files: &Files) -> Result<Vec<Added>> {
        let named = ["additional_special_tokens", "extra_special_tokens"];
        let silent = named.iter().all(|key| files.config.get(*key).is_none());
        if self == Self::Camembert && silent {
            let default = ["<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED"];
            return Ok(default.map(Added::new).to_vec());
        }
        added::extra(files)
    }
}

fn unigram(model: &Value, unknown: usize) -> Value {
    json!({"type": "Unigram", "unk_id": unknown, "byte_fallback": false, "vocab": model["vocab"]})
}

/// The map of characters that a SentencePiece model brings along.
fn precompiled(file: &Value) -> Option<Value> {
    let normalizer = file.get("normalizer")?;
    let steps = normalizer.get("normalizers").and_then(Value::as_array);
    let mut steps = steps
        .map_or(std::slice::from_ref(normalizer), Vec::as_slice)
        .iter();
    let is = |step: &&Value| step.get("type").is_some_and(|kind| kind == "Precompiled");
    steps.find(is).cloned()
}

/// `vocab.json` and `merges.txt`, which older folders have alone.
fn pairs_of_files(files: &Files) -> Result<Value> {
    let paths = ["vocab.json", "merges.txt"].map(|name| files.dir.join(name));
    if let Some(missing) = paths.iter().find(|path| !path.exists()) {
        return Err(Error::rejected(format!(
            "{}: tokenizer_class RobertaTokenizer needs {TOKENIZER}, or vocab.json and merges.txt",
            missing.display()
        )));
    }
    let vocab = file::json(&paths[0], LONGEST)?;
    let merges = file::text(&paths[1], LONGEST)?;
    let lines = merges
        .lines()
        .filter(|line| !line.starts_with("#version") && !line.is_empty());
    let merges: Vec<&str> = lines.collect();
    Ok(json!({"vocab": vocab, "merges": merges}))
}
