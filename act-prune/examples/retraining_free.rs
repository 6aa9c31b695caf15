//! Prunes a model by one criterion to shares of its encoder's operations, without any training, and
//! writes `OUT/CRITERION-ALLOCATION-SHARE-SEED.act` for each share and both allocations:
//! `retraining_free MODEL DATA OUT CRITERION SEED SHARE..`. Says what is left, tab-separated.
//! `benches/pruning.sh` runs it over criteria and seeds. Of the data only train is read.

use std::path::Path;

use act_core::config::Config;
use act_core::{Artifact, Seed};
use act_data::{Dataset, Split};
use act_prune::allocate::{costs, greedy, operations, uniform, whole};
use act_prune::importance::{compensate, scores};
use act_prune::ratio::Keep;
use act_prune::{Calibration, Importance, Kept, Measure, Options};

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [model, data, out, criterion, seed, shares @ ..] = &args[..] else {
        anyhow::bail!("retraining_free MODEL DATA OUT CRITERION SEED SHARE..");
    };
    let model = Artifact::open(model)?;
    let (criterion, seed): (Importance, Seed) = (criterion.parse()?, Seed(seed.parse()?));
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
    let scores = scores(criterion, &model, &measure, &mut |_| true)?;
    let costs = costs(&model.plan, &calibration.encodings);
    let all = operations(&whole(&model.plan), &costs);
    for text in shares {
        let share: f64 = text.parse()?;
        let keep = uniform(&model.plan, &costs, share);
        let layers = scores.iter().zip(keep);
        let same = layers.map(|(s, keep)| Kept::strongest(s, keep)).collect();
        for (allocation, kept) in [
            ("uniform", same),
            ("global", greedy(&scores, &costs, share)),
        ] {
            let keep: Vec<Keep> = kept.iter().map(Kept::counts).collect();
            let gone = 100.0 * (1.0 - operations(&keep, &costs) / all);
            let pruned = compensate(criterion, &model, &kept, &measure, &mut |_| true)?;
            let name = format!("{criterion}-{allocation}-{text}-{}", seed.0);
            std::fs::write(
                Path::new(out).join(name.clone() + ".act"),
                pruned.to_bytes()?,
            )?;
            let shapes = keep.iter().map(|k| format!("{}x{}", k.heads, k.neurons));
            let shapes: Vec<String> = shapes.collect();
            println!("{name}\t{gone:.1}\t{}", shapes.join(" "));
        }
    }
    Ok(())
}
