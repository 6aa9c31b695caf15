//! Rotary positions (Su et al. 2021): the numbers of a query and of a key are taken in pairs, each the
//! coordinates of a point that is turned by an angle which grows with the position.
//!
//! Pairs are those of `transformers`: a number of the first half of a head with its neighbour of the
//! second half.

/// How fast the pairs of a head turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Frequencies(Vec<f32>);

impl Frequencies {
    /// Of heads of `head_dim` numbers, an even number, with the base `theta`: pair `i` turns by
    /// `theta^(-2i / head_dim)` a position. Rounded as PyTorch rounds: the exponent, the power and its
    /// reciprocal each to single precision.
    pub fn new(theta: f32, head_dim: usize) -> Self {
        let frequency = |i: usize| {
            let exponent = (2 * i) as f32 / head_dim as f32;
            1.0 / libm::pow(f64::from(theta), f64::from(exponent)) as f32
        };
        Self((0..head_dim / 2).map(frequency).collect())
    }

    /// Pairs of a head.
    pub fn pairs(&self) -> usize {
        self.0.len()
    }

    /// Appends the cosines and then the sines of a position's angles. The angles are products in single
    /// precision, as everywhere; what is computed of them is correctly rounded but for a rare last bit,
    /// and the same on every machine.
    pub fn extend(&self, position: usize, turns: &mut Vec<f32>) {
        let angles = self.0.iter().map(|frequency| position as f32 * frequency);
        let turned = angles.map(|angle| libm::sincos(f64::from(angle)));
        turns.extend(turned.clone().map(|(_, cosine)| cosine as f32));
        turns.extend(turned.map(|(sine, _)| sine as f32));
    }
}

/// Turns the pairs of one head forth, or back with `sign` -1; `turn` is what [`Frequencies::extend`] made.
#[inline(always)]
pub fn turn(head: &mut [f32], turn: &[f32], sign: f32) {
    let (first, second) = head.split_at_mut(head.len() / 2);
    let (cosines, sines) = turn.split_at(turn.len() / 2);
    let pairs = first.iter_mut().zip(second).zip(cosines.iter().zip(sines));
    for ((x, y), (cosine, sine)) in pairs {
        let sine = sign * sine;
        (*x, *y) = (*x * cosine - *y * sine, *y * cosine + *x * sine);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_turned_heads_know_distances_alone() {
        let frequencies = Frequencies::new(10_000.0, 8);
        let turned = |seed: usize, position| {
            let mut turns = Vec::new();
            frequencies.extend(position, &mut turns);
            let mut head: Vec<f32> = (0..8).map(|i| ((i * 5 + seed) % 7) as f32 - 3.0).collect();
            turn(&mut head, &turns, 1.0);
            head
        };
        let product = |a: Vec<f32>, b: Vec<f32>| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let near = product(turned(1, 3), turned(2, 10));
        let far = product(turned(1, 500), turned(2, 507));
        assert!((near - far).abs() < 1e-3, "{near} {far}");
        assert!((near - product(turned(1, 3), turned(2, 11))).abs() > 0.1);
    }

    #[test]
    fn turning_back_undoes_it() {
        let frequencies = Frequencies::new(160_000.0, 6);
        let mut turns = Vec::new();
        frequencies.extend(77, &mut turns);
        assert_eq!(turns.len(), 2 * frequencies.pairs());
        let head = [1.0, -2.0, 3.0, 0.5, 0.25, -4.0];
        let mut there = head;
        turn(&mut there, &turns, 1.0);
        assert_ne!(there, head);
        turn(&mut there, &turns, -1.0);
        for (a, b) in there.iter().zip(head) {
            assert!((a - b).abs() < 1e-6);
        }
    }
}
