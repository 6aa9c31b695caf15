//! Token ids of a split of a data set, as the JSON lines that `act-eval predict` and
//! `tests/peers/onnx_check.py` read: `token_ids MODEL.act DATA_DIR [train|dev]`.

use std::io::Write;

use act_core::{Artifact, Error, Tokenizer};
use act_data::{Dataset, Split};

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (model, data, split) = match &args[..] {
        [model, data] => (model, data, Split::Dev),
        [model, data, split] if split == "dev" => (model, data, Split::Dev),
        [model, data, split] if split == "train" => (model, data, Split::Train),
        _ => return Err(Error::usage("token_ids MODEL.act DATA_DIR [train|dev]").into()),
    };
    let model = Artifact::open(model)?;
    let tokenizer = Tokenizer::new(&model.tokenizer, model.task.max_seq_length)?;
    let dataset = Dataset::open(data.as_ref(), Some(&model.task.name), split, None)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for example in &dataset.examples {
        let encoding = tokenizer.encode(&example.text, example.pair.as_deref())?;
        let row = serde_json::json!({
            "input_ids": encoding.input_ids,
            "token_type_ids": encoding.token_type_ids,
        });
        writeln!(out, "{row}")?;
    }
    Ok(out.flush()?)
}
