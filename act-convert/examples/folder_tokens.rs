//! Token ids that a folder's tokenizer gives, without its model: what `tests/peers/tokenizers_folders.py`
//! compares with `transformers`.
//!
//! `folder_tokens huggingface|paddle FOLDER ROWS MAX_SEQ_LENGTH`: lines of JSON on standard input, a
//! text or a list of two; ids and token types of each on standard output.

use std::io::{BufRead, Write};
use std::path::Path;

use act_convert::tokenizer::{Tables, read_huggingface, read_paddle};
use act_core::Tokenizer;
use serde_json::{Value, json};

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [kind, dir, rows, longest] = &args[..] else {
        anyhow::bail!("folder_tokens huggingface|paddle FOLDER ROWS MAX_SEQ_LENGTH");
    };
    let (dir, rows) = (Path::new(dir), rows.parse()?);
    let spec = if kind == "paddle" {
        read_paddle(dir, None, rows)?
    } else {
        let config = std::fs::read(dir.join("config.json")).unwrap_or_default();
        let config = serde_json::from_slice(&config).unwrap_or(Value::Null);
        read_huggingface(
            dir,
            &config,
            None,
            Tables {
                words: rows,
                types: 2,
            },
        )?
        .spec
    };
    let kind = if spec.word_piece().is_ok() {
        "WordPiece"
    } else {
        "tokenizer.json"
    };
    eprintln!("{kind}, {} tokens", spec.vocab_size());
    let tokenizer = Tokenizer::new(&spec, longest.parse()?)?;
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let value: Value = serde_json::from_str(&line?)?;
        let text = |i: usize| value.get(i).and_then(Value::as_str);
        let encoding = match value.as_str() {
            Some(text) => tokenizer.encode(text, None)?,
            None => tokenizer.encode(text(0).unwrap_or_default(), text(1))?,
        };
        writeln!(
            out,
            "{}",
            json!([encoding.input_ids, encoding.token_type_ids])
        )?;
    }
    Ok(())
}
