//! Limits of what neighbouring weights add up to, and the nearest integers within them.
//!
//! Processors without VNNI multiply bytes fastest where sums of two or four products stay within 16
//! bits. The left factors are unsigned there, so that positive weights alone can make such a sum too
//! large and negative ones alone too small: the two signs are counted apart.

/// What weights keep to together: in a row of the matrix, counted from its start, the weights of one
/// sign in a group add up to at most `max` in magnitude.
///
/// A group of 2 is two neighbours. A group of 4 is two such pairs, four weights apart: of every eight
/// weights the first pair with the third, and the second with the fourth. At the end of a row a group
/// may be smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupLimit {
    /// Weights of a group: 2 or 4.
    pub size: u8,
    /// Largest sum of magnitudes of one sign, from 1.
    pub max: u16,
}

/// Weights that share no group with others, so many in a row.
const BLOCK: usize = 8;

/// Every second byte of a word.
const BYTES: u64 = 0x00ff_00ff_00ff_00ff;

impl GroupLimit {
    /// The limit under which products of groups of `size` weights with numbers of `0..=span` add up
    /// to no more than 16 bits hold.
    pub fn of_16_bits(size: u8, span: i32) -> Self {
        let max = i32::from(i16::MAX) / span.max(1);
        Self {
            size,
            max: max.clamp(1, 127 * i32::from(size)) as u16,
        }
    }

    /// The limit of 16 bits for groups of `size` integers of at most `weight_max` and inputs of at most
    /// `activation_max`; `None` if they keep to it whatever they are.
    pub fn needed(size: u8, weight_max: u8, activation_max: u8) -> Option<Self> {
        let limit = Self::of_16_bits(size, 2 * i32::from(activation_max));
        (u16::from(size) * u16::from(weight_max) > limit.max).then_some(limit)
    }

    /// The limit of integers that keep to this one once they are multiplied by `m`, at least 1.
    pub fn of_multiples(self, m: u8) -> Self {
        let max = self.max / u16::from(m.max(1));
        Self { max, ..self }
    }

    /// How many groups a row of so many weights has.
    pub fn groups(self, columns: usize) -> usize {
        self.places(columns).count()
    }

    /// True if all groups of a row keep to the limit. Compiles to vector code.
    pub fn holds(self, row: &[i8]) -> bool {
        let (blocks, rest) = row.as_chunks::<BLOCK>();
        let mut last = [0; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        // Sums of 16 bits reach the topmost one where they are above the limit.
        let room = (0x7fff - u64::from(self.max)) * 0x0001_0001_0001_0001;
        let over = |block: &[i8; BLOCK]| {
            let word = u64::from_le_bytes(block.map(|w| w as u8));
            let signs = (word >> 7) & 0x0101_0101_0101_0101;
            let negative = signs * 0xff;
            let magnitudes = (word ^ negative) + signs;
            let sums = |of_sign: u64| {
                let pairs = (of_sign & BYTES) + ((of_sign >> 8) & BYTES);
                match self.size {
                    2 => pairs,
                    _ => (pairs & 0xffff_ffff) + (pairs >> 32),
                }
            };
            (sums(magnitudes & !negative) + room) | (sums(magnitudes & negative) + room)
        };
        let all = blocks.iter().fold(over(&last), |all, b| all | over(b));
        all & 0x8000_8000_8000_8000 == 0
    }

    /// The groups of a row of so many weights: the places of each.
    pub fn places(self, columns: usize) -> impl Iterator<Item = impl Iterator<Item = usize>> {
        let pairs = (0..columns.div_ceil(2)).filter(move |pair| self.size == 2 || pair % 4 < 2);
        pairs.map(move |pair| {
            let second = (self.size == 4).then_some(2 * pair + 4);
            let starts = [Some(2 * pair), second].into_iter().flatten();
            starts
                .flat_map(|start| [start, start + 1])
                .filter(move |&place| place < columns)
        })
    }

    /// The places of the group that `place` is in, in a row of so many weights.
    pub fn group_of(self, place: usize, columns: usize) -> impl Iterator<Item = usize> {
        let (first, others) = match self.size {
            2 => (place / 2 * 2, &[0, 1][..]),
            _ => (place / BLOCK * BLOCK + place % 4 / 2 * 2, &[0, 1, 4, 5][..]),
        };
        let places = others.iter().map(move |other| first + other);
        places.filter(move |&place| place < columns)
    }

    /// The first group of a row that is over the limit, and the larger of its two sums.
    pub fn first_over(self, row: &[i8]) -> Option<(usize, u16)> {
        let sum = |places: &mut dyn Iterator<Item = usize>| {
            let (mut above, mut below) = (0u16, 0u16);
            for w in places.map(|place| row[place]) {
                let of_sign = if w > 0 { &mut above } else { &mut below };
                *of_sign += u16::from(w.unsigned_abs());
            }
            above.max(below)
        };
        let sums = self.places(row.len()).map(|mut places| sum(&mut places));
        sums.enumerate().find(|&(_, sum)| sum > self.max)
    }

    /// Cuts rounded weights down to the limit with the least squared error: `integers` are `weights`
    /// in steps of `step`, rounded and clipped. Gives the number of groups that were cut.
    ///
    /// One step nearer to zero costs an integer `q` of the number `x` an error of `2 |x - q| + 1` in
    /// squared steps, less where it was rounded up. The costs of an integer rise from step to step, so
    /// that always taking the cheapest of a group's comes to the nearest point within the limit.
    pub fn cut(self, weights: &[f32], step: f32, integers: &mut [i8]) -> usize {
        let mut cut = 0;
        let columns = integers.len();
        // Few groups are over: looking for them is quicker block by block.
        for start in (0..columns).step_by(BLOCK) {
            let end = columns.min(start + BLOCK);
            let (weights, integers) = (&weights[start..end], &mut integers[start..end]);
            if self.holds(integers) {
                continue;
            }
            for places in self.places(end - start) {
                cut += usize::from(self.cut_group(weights, step, integers, places));
            }
        }
        cut
    }

    /// [`GroupLimit::cut`] of one group; true if it was over the limit.
    fn cut_group(
        self,
        weights: &[f32],
        step: f32,
        integers: &mut [i8],
        places: impl Iterator<Item = usize>,
    ) -> bool {
        let mut group = [0; 4];
        let mut size = 0;
        for place in places {
            group[size] = place;
            size += 1;
        }
        let mut is_over = false;
        for sign in [1, -1] {
            let of_sign = |integers: &[i8], place: usize| i32::from(integers[place]) * sign;
            let sum: i32 = (group[..size].iter())
                .map(|&place| of_sign(integers, place).max(0))
                .sum();
            for _ in i32::from(self.max)..sum {
                let up = |place: usize| {
                    let q = of_sign(integers, place);
                    let x = weights[place] / step * sign as f32;
                    (q > 0).then_some((x - q as f32, place))
                };
                let cheapest = group[..size].iter().filter_map(|&place| up(place));
                let Some((_, place)) = cheapest.min_by(|a, b| a.0.total_cmp(&b.0)) else {
                    break;
                };
                integers[place] -= sign as i8;
                is_over = true;
            }
        }
        is_over
    }

    /// The least step with which no group of a row is over the limit, before rounding.
    pub fn least_step(self, row: &[f32]) -> f32 {
        let mut most = 0f32;
        for places in self.places(row.len()) {
            let (mut above, mut below) = (0f32, 0f32);
            for w in places.map(|place| row[place]) {
                above += w.max(0.0);
                below += (-w).max(0.0);
            }
            most = most.max(above).max(below);
        }
        most / f32::from(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limit() -> impl Strategy<Value = GroupLimit> {
        let any = (prop::sample::select(vec![2u8, 4]), 1u16..=508);
        let near = (prop::sample::select(vec![2u8, 4]), 120u16..=260);
        prop_oneof![any, near].prop_map(|(size, max)| GroupLimit { size, max })
    }

    /// Sums of one sign, written out.
    fn sums(limit: GroupLimit, row: &[i8]) -> Vec<[i32; 2]> {
        let of = |places: Vec<usize>| {
            [1, -1].map(|sign| {
                let weights = places.iter().map(|&p| sign * i32::from(row[p]));
                weights.filter(|&w| w > 0).sum()
            })
        };
        let places = limit.places(row.len()).map(|places| of(places.collect()));
        places.collect()
    }

    proptest! {
        #[test]
        fn every_weight_is_in_one_group(columns in 0usize..40, size in prop::sample::select(vec![2u8, 4])) {
            let limit = GroupLimit { size, max: 1 };
            let groups: Vec<Vec<usize>> = limit.places(columns).map(|g| g.collect()).collect();
            prop_assert_eq!(groups.len(), limit.groups(columns));
            prop_assert!(groups.iter().all(|g| (1..=size.into()).contains(&g.len())));
            for place in 0..columns {
                let group = groups.iter().find(|group| group.contains(&place)).unwrap();
                prop_assert_eq!(group, &limit.group_of(place, columns).collect::<Vec<_>>());
            }
            let mut all: Vec<usize> = groups.into_iter().flatten().collect();
            all.sort();
            prop_assert_eq!(all, (0..columns).collect::<Vec<_>>());
        }

        #[test]
        fn a_row_holds_where_every_sum_of_one_sign_does(
            limit in limit(),
            row in prop::collection::vec(-127i8..=127, 0..40),
        ) {
            let over = sums(limit, &row).iter().position(|s| s.iter().any(|&s| s > limit.max.into()));
            prop_assert_eq!(limit.holds(&row), over.is_none());
            prop_assert_eq!(limit.first_over(&row).map(|(group, _)| group), over);
        }

        #[test]
        fn cut_rows_hold_and_others_stay(
            limit in limit(),
            row in prop::collection::vec(-130f32..130.0, 1..30),
            step in 0.5f32..2.0,
        ) {
            let rounded = |w: &f32| (w / step).round_ties_even().clamp(-127.0, 127.0) as i8;
            let before: Vec<i8> = row.iter().map(rounded).collect();
            let mut after = before.clone();
            let cut = limit.cut(&row, step, &mut after);
            prop_assert!(limit.holds(&after));
            prop_assert_eq!(cut == 0, limit.holds(&before));
            prop_assert_eq!(cut == 0, before == after);
            prop_assert!(cut <= limit.groups(row.len()));
        }

        #[test]
        fn no_pair_within_the_limit_is_nearer(
            x in (-130f32..130.0, -130f32..130.0),
            max in 1u16..=254,
        ) {
            let limit = GroupLimit { size: 2, max };
            let row = [x.0, x.1];
            let mut found = row.map(|w| w.round_ties_even().clamp(-127.0, 127.0) as i8);
            limit.cut(&row, 1.0, &mut found);
            let loss = |pair: [i8; 2]| {
                let off = [0, 1].map(|i| f64::from(row[i]) - f64::from(pair[i]));
                off[0] * off[0] + off[1] * off[1]
            };
            // A nearer point is on the same side of zero, or zero.
            let side = |x: f32| if x < 0.0 { -127..=0i8 } else { 0..=127 };
            let best = side(x.0).flat_map(|a| side(x.1).map(move |b| [a, b]));
            let best = best.filter(|pair| limit.holds(pair)).map(loss).fold(f64::MAX, f64::min);
            prop_assert!(loss(found) <= best + 1e-9, "{:?} {} {}", found, loss(found), best);
        }

        #[test]
        fn no_four_within_the_limit_are_nearer(
            x in prop::array::uniform4(-9f32..9.0),
            max in 1u16..=24,
        ) {
            let limit = GroupLimit { size: 4, max };
            // The other group of the eight is empty.
            let row = [x[0], x[1], 0.0, 0.0, x[2], x[3]];
            let mut found = row.map(|w| w.round_ties_even() as i8);
            limit.cut(&row, 1.0, &mut found);
            let loss = |q: [i8; 4]| -> f64 {
                let off = (0..4).map(|i| f64::from(x[i]) - f64::from(q[i]));
                off.map(|off| off * off).sum()
            };
            let mut best = f64::MAX;
            for code in 0..10i32.pow(4) {
                let digit = |i: usize| (code / 10i32.pow(i as u32) % 10) as i8;
                let q = [0, 1, 2, 3].map(|i| digit(i) * if x[i] < 0.0 { -1 } else { 1 });
                if limit.holds(&[q[0], q[1], 0, 0, q[2], q[3]]) {
                    best = best.min(loss(q));
                }
            }
            let found = loss([found[0], found[1], found[4], found[5]]);
            prop_assert!(found <= best + 1e-9, "{} {}", found, best);
        }

        #[test]
        fn with_the_least_step_only_rounding_can_be_over(
            limit in limit(),
            row in prop::collection::vec(-1f32..1.0, 1..30),
        ) {
            let step = limit.least_step(&row).max(f32::MIN_POSITIVE);
            let sums = limit.places(row.len()).map(|g| g.map(|p| row[p].max(0.0) / step).sum::<f32>());
            prop_assert!(sums.fold(0.0, f32::max) <= f32::from(limit.max) * (1.0 + 1e-5));
        }
    }

    #[test]
    fn limits_of_16_bits_are_those_of_the_instructions() {
        let max = |size, span| GroupLimit::of_16_bits(size, span).max;
        assert_eq!([max(2, 254), max(4, 254), max(4, 126)], [129, 129, 260]);
        assert_eq!(max(2, 126), 254, "nothing to keep to");
        let needed =
            |size, weights, inputs| GroupLimit::needed(size, weights, inputs).map(|l| l.max);
        assert_eq!([needed(2, 64, 127), needed(2, 65, 127)], [None, Some(129)]);
        assert_eq!([needed(2, 127, 63), needed(4, 127, 63)], [None, Some(260)]);
    }
}
