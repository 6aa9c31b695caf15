//! Models of four-bit integers, made of int8 ones.

use crate::artifact::Artifact;
use crate::names::group_multipliers;
use crate::quant::{FourBits, WeightBits, packed};

/// An int8 model of which every matrix is rounded to four bits in groups; limits of groups of weights
/// are not looked at.
pub fn in_four_bits(mut model: Artifact, group: usize) -> Artifact {
    for (name, bits) in model.quant.matrices() {
        let Ok(integers) = model.params.i8(&name) else {
            continue;
        };
        assert_eq!(bits, WeightBits::Eight, "{name}");
        let shape = model.params.get(&name).expect("found above").shape();
        let shape = [shape[0], shape[1]];
        let (mut q, mut multipliers) = (Vec::new(), Vec::new());
        for group in integers.chunks(shape[1]).flat_map(|row| row.chunks(group)) {
            let peak = group.iter().map(|w| w.unsigned_abs()).max().unwrap_or(0);
            // The largest multiplier with which 7 times it is not above the peak.
            let m = (peak / 7).clamp(1, FourBits::MULTIPLIER_MAX);
            let nearest = |w: i8| (f32::from(w) / f32::from(m)).round().clamp(-7.0, 7.0) as i8;
            q.extend(group.iter().map(|&w| nearest(w)));
            multipliers.push(m);
        }
        let [quarters, multipliers] = packed(&q, &multipliers, shape, group);
        model.params.insert(group_multipliers(&name), multipliers);
        model.params.insert(name, quarters);
    }
    model.quant.set_bits(WeightBits::Four { group });
    model
}
