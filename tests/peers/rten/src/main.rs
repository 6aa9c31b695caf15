//! Times rten for `tests/peers/race.py`, with the protocol of act-infer's example `timed`.
//!
//! `timed_rten MODEL.onnx THREADS` first prints which kernels rten has picked, then answers each line
//! of standard input, a JSON list of sequences of token ids, with a line of JSON: the milliseconds of
//! one forward pass over the sequences, padded to the longest, and its logits.

use std::error::Error;
use std::io::{BufRead, Write};
use std::sync::Arc;
use std::time::Instant;

use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool, ValueOrView};
use rten_gemm::GemmExecutor;
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, Tensor};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [model, threads] = &args[..] else {
        return Err("timed_rten MODEL.onnx THREADS".into());
    };
    let model = ModelOptions::with_all_ops()
        .prepack_weights(true)
        .load_file(model)?;
    let pool = Arc::new(ThreadPool::with_num_threads(threads.parse()?));
    let f32_kernel = GemmExecutor::<f32, f32, f32>::default();
    let int8_kernel = GemmExecutor::<u8, i8, i32>::default();
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        r#"{{"kernels": "{}, {}"}}"#,
        f32_kernel.kernel_name(),
        int8_kernel.kernel_name()
    )?;
    let logits = model.node_id("logits")?;
    for line in std::io::stdin().lock().lines() {
        let inputs = inputs(&model, &padded(&line?))?;
        let options = RunOptions::default().with_thread_pool(Some(pool.clone()));
        let start = Instant::now();
        let [value] = model.run_n(inputs, [logits], Some(options))?;
        let ms = start.elapsed().as_secs_f64() * 1e3;
        let values: Tensor<f32> = value.try_into()?;
        let rows: Vec<Vec<f32>> = (0..values.size(0))
            .map(|row| values.slice(row).iter().copied().collect())
            .collect();
        writeln!(out, r#"{{"ms": {ms}, "logits": {rows:?}}}"#)?;
    }
    Ok(())
}

/// Reads `[[2, 7, 9], [2, 8]]` as rows of one length: 0 is the padding, and no token of the race's.
fn padded(line: &str) -> NdTensor<i32, 2> {
    let rows: Vec<Vec<i32>> = line
        .split(']')
        .map(|row| {
            let numbers = row.split(|c: char| !c.is_ascii_digit());
            numbers.filter_map(|number| number.parse().ok()).collect()
        })
        .filter(|row: &Vec<i32>| !row.is_empty())
        .collect();
    let longest = rows.iter().map(Vec::len).max().unwrap_or(0);
    NdTensor::from_fn([rows.len(), longest], |[row, column]| {
        rows[row].get(column).copied().unwrap_or(0)
    })
}

/// The exported model's three inputs.
fn inputs(
    model: &Model,
    ids: &NdTensor<i32, 2>,
) -> Result<Vec<(NodeId, ValueOrView<'static>)>, Box<dyn Error>> {
    Ok(vec![
        (model.node_id("input_ids")?, ids.clone().into()),
        (model.node_id("token_type_ids")?, ids.map(|_| 0).into()),
        (
            model.node_id("attention_mask")?,
            ids.map(|&id| i32::from(id != 0)).into(),
        ),
    ])
}
