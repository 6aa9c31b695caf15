//! Does a model with a shortened vocabulary answer covered text as the whole one does? Counts over a
//! data set's dev split: `covered WHOLE SHORT DATA`.

use std::collections::BTreeSet;

use act_core::{Artifact, Batch, Encoding, Tokenizer};
use act_data::{Dataset, Split};
use act_infer::Engine;

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [whole, short, data] = &args[..] else {
        anyhow::bail!("covered WHOLE SHORT DATA");
    };
    let [whole, short] = [Artifact::open(whole)?, Artifact::open(short)?];
    let labels = Some(&whole.task.labels[..]);
    let dev = Dataset::open(data.as_ref(), Some(&whole.task.name), Split::Dev, labels)?;
    let names: Vec<String> = whole
        .tokenizer
        .word_piece()
        .unwrap()
        .tokens()
        .map(str::to_owned)
        .collect();
    let stay: BTreeSet<String> = short
        .tokenizer
        .word_piece()
        .unwrap()
        .tokens()
        .map(str::to_owned)
        .collect();
    let [unlimited, own] =
        [usize::MAX, whole.task.max_seq_length].map(|n| Tokenizer::new(&whole.tokenizer, n));
    let (unlimited, own) = (unlimited?, own?);
    let others = Tokenizer::new(&short.tokenizer, short.task.max_seq_length)?;
    let (whole, short) = (Engine::new(whole)?, Engine::new(short)?);
    let (mut count, mut alike) = ([0; 2], [0; 2]);
    for example in &dev.examples {
        let pair = example.pair.as_deref();
        let mut entries = unlimited.entries(&example.text)?;
        entries.extend(unlimited.entries(pair.unwrap_or_default())?);
        let covered = entries.iter().all(|&id| stay.contains(&names[id as usize]));
        let answer = |engine: &Engine, tokenizer: &Tokenizer| -> anyhow::Result<_> {
            let encoding: Encoding = tokenizer.encode(&example.text, pair)?;
            Ok(engine.forward(&Batch::new(&[encoding]))?)
        };
        let same = answer(&whole, &own)? == answer(&short, &others)?;
        count[usize::from(covered)] += 1;
        alike[usize::from(covered)] += usize::from(same);
    }
    println!("covered: {} texts, {} answered alike", count[1], alike[1]);
    println!(
        "not covered: {} texts, {} answered alike",
        count[0], alike[0]
    );
    Ok(())
}
