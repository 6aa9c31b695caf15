//! Prunes a model by one criterion to shares of its encoder's operations, without any training, and
//! writes `OUT/CRITERION-ALLOCATION-SHARE-SEED.act` for each share and both allocations:
//! `retraining_free MODEL DATA OUT CRITERION SEED SHARE..`. Says what is left, tab-separated.
//! `benches/pruning.sh` runs it over criteria and seeds. Of the data only train is read.

use std::path::Path;

use act_core::{Artifact, Plan, Seed, Silent};
use act_data::{Dataset, Split};
use act_prune::budget::blocks::keeps;
use act_prune::budget::{Allocation, Cost, Operations};
use act_prune::importance::{compensate, scores};
use act_prune::{Calibration, Criterion, Kept, Measure, Options};
use act_stage::config::Config;

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [model, data, out, criterion, seed, shares @ ..] = &args[..] else {
        anyhow::bail!("retraining_free MODEL DATA OUT CRITERION SEED SHARE..");
    };
    let model = Artifact::open(model)?;
    let (criterion, seed): (Criterion, Seed) = (criterion.parse()?, Seed(seed.parse()?));
    let options = Options::new(&Config::default())?;
    let labels = Some(&model.task.labels[..]);
    let train = Dataset::open(data.as_ref(), Some(&model.task.name), Split::Train, labels)?;
    let calibration = Calibration::sample(&train, &model, &options, seed)?;
    let measure = Measure {
        calibration: &calibration,
        batch_size: options.batch_size,
        device: "cpu".parse()?,
        threads: std::thread::available_parallelism()?.get(),
        progress: &Silent,
    };
    let scores = scores(criterion, &model, &measure)?;
    let cost = Operations::new(&calibration.encodings);
    let (plan, all) = (&model.plan, cost.predict(&model.plan));
    let allocation = Allocation::new(plan, &scores, &cost);
    for text in shares {
        let share: f64 = text.parse()?;
        let global = allocation.within((1.0 - share) * all);
        let Some(global) = global else {
            anyhow::bail!("no network is left without {text} of the operations");
        };
        for (name, allotted) in [
            ("uniform", uniform(plan, &cost, share)),
            ("global", global.plan),
        ] {
            let layers = scores.iter().zip(keeps(&allotted));
            let kept: Vec<Kept> = layers.map(|(s, k)| Kept::strongest(s, k)).collect();
            let gone = 100.0 * (1.0 - cost.predict(&allotted) / all);
            let pruned = compensate(criterion, &model, &kept, &measure)?;
            let name = format!("{criterion}-{name}-{text}-{}", seed.0);
            let file = Path::new(out).join(name.clone() + ".act");
            std::fs::write(file, pruned.artifact.to_bytes()?)?;
            let keeps = keeps(&allotted);
            let shapes = keeps.iter().map(|k| format!("{}x{}", k.heads, k.neurons));
            let shapes: Vec<String> = shapes.collect();
            println!("{name}\t{gone:.1}\t{}", shapes.join(" "));
        }
    }
    Ok(())
}

/// The same share of every layer's heads, rounded, and of its neurons as many as then leave `share`
/// of the operations to go: transformer_pruner's allocation, met exactly. At least one of each.
fn uniform(plan: &Plan, cost: &Operations, share: f64) -> Plan {
    let limit = (1.0 - share) * cost.predict(plan);
    let with = |thousandths: usize| {
        let mut plan = plan.clone();
        for layer in &mut plan.layers {
            let heads = ((1.0 - share) * layer.heads() as f64).round_ties_even() as usize;
            layer.kept_heads.truncate(heads.max(1));
            layer.intermediate_size = (layer.intermediate_size * thousandths / 1000).max(1);
        }
        plan
    };
    let fits = |n: &usize| cost.predict(&with(*n)) <= limit;
    with((0..=1000).rev().find(fits).unwrap_or(0))
}
