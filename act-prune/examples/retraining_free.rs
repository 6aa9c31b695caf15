//! Prunes a model by one criterion and allocation to a share of its encoder's operations, without
//! any training, and writes it: `retraining_free MODEL DATA OUT CRITERION ALLOCATION SHARE SEED`.
//! `benches/pruning.sh` runs it over all of them. Only train is read.

use std::time::Instant;

use act_core::config::Config;
use act_core::{Artifact, Error, Seed};
use act_data::{Dataset, Split};
use act_prune::allocate::{costs, greedy, operations, uniform, whole};
use act_prune::importance::{compensate, scores};
use act_prune::ratio::Keep;
use act_prune::{Calibration, Importance, Kept, Measure, Options};

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [model, data, out, criterion, allocation, share, seed] = &args[..] else {
        anyhow::bail!("retraining_free MODEL DATA OUT CRITERION ALLOCATION SHARE SEED");
    };
    let model = Artifact::open(model)?;
    let (criterion, share): (Importance, f64) = (criterion.parse()?, share.parse()?);
    let seed = Seed(seed.parse()?);
    let options = Options::new(&Config::default())?;
    let labels = Some(&model.task.labels[..]);
    let train = Dataset::open(data.as_ref(), Some(&model.task.name), Split::Train, labels)?;
    let calibration = Calibration::sample(&train, &model, &options, seed)?;
    let measure = Measure {
        calibration: &calibration,
        batch_size: options.batch_size,
        device: "cpu".parse()?,
        threads: std::thread::available_parallelism()?.get(),
    };
    let start = Instant::now();
    let scores = scores(criterion, &model, &measure, &mut |_| true)?;
    let scored = start.elapsed().as_secs_f64();
    let costs = costs(&model.plan, &calibration.encodings);
    let kept: Vec<Kept> = match allocation.as_str() {
        "uniform" => {
            let keep = uniform(&model.plan, &costs, share);
            let layers = scores.iter().zip(keep);
            layers.map(|(s, keep)| Kept::strongest(s, keep)).collect()
        }
        "global" => greedy(&scores, &costs, share),
        other => {
            return Err(Error::usage(format!("allocation {other:?}: uniform or global")).into());
        }
    };
    let keep: Vec<Keep> = kept
        .iter()
        .map(|k| Keep {
            heads: k.heads.len(),
            neurons: k.neurons.len(),
        })
        .collect();
    let left = operations(&keep, &costs) / operations(&whole(&model.plan), &costs);
    let pruned = compensate(criterion, &model, &kept, &measure, &mut |_| true)?;
    let shapes: Vec<String> = keep
        .iter()
        .map(|k| format!("{}x{}", k.heads, k.neurons))
        .collect();
    println!(
        "{criterion} {allocation} {share}: {:.1} % of operations gone, heads x neurons {}, scores in {scored:.1} s, all in {:.1} s",
        100.0 * (1.0 - left),
        shapes.join(" "),
        start.elapsed().as_secs_f64()
    );
    std::fs::write(out, pruned.to_bytes()?)?;
    Ok(())
}
