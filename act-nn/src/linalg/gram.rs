//! Sums of products of channels over many rows.

use super::threads::share;
use crate::kernels::simd::simd_fn;

/// Channels of a panel.
const PANEL: usize = 16;
/// Channels of the left panel that are multiplied together.
const LEFT: usize = 4;
/// Rows whose products are summed before they are added to the sums so far: two panels of them fit the
/// first cache, and sums in two steps lose less to rounding.
const ROWS: usize = 256;

/// Products of two panels.
type Block = [[f32; PANEL]; PANEL];

/// `Σ x xᵀ` over rows `x`, in single precision: 256 rows are summed by themselves, then added to the rest.
/// Holds one triangle, `2 columns²` bytes: 0.3 MB for 384 channels, 1.2 for 768, 19 for 3072.
#[derive(Debug, Clone, PartialEq)]
pub struct Gram {
    columns: usize,
    /// Those of panel `p` with the panels up to it, panel by panel.
    blocks: Vec<Block>,
}

impl Gram {
    /// No rows yet.
    pub fn new(columns: usize) -> Self {
        let panels = columns.div_ceil(PANEL);
        Self {
            columns,
            blocks: vec![[[0.0; PANEL]; PANEL]; panels * (panels + 1) / 2],
        }
    }

    /// Channels of a row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Takes in `[rows, columns]` numbers.
    pub fn add(&mut self, rows: &[f32], threads: usize) {
        let columns = self.columns.max(1);
        for rows in rows.chunks(ROWS * columns) {
            let panels: Vec<Vec<[f32; PANEL]>> = (0..columns.div_ceil(PANEL))
                .map(|panel| pack(rows, columns, panel * PANEL))
                .collect();
            let mut rest = &mut self.blocks[..];
            let mut pieces = Vec::with_capacity(panels.len());
            for panel in 0..panels.len() {
                let (blocks, later) = rest.split_at_mut(panel + 1);
                pieces.push((panel, blocks));
                rest = later;
            }
            // The longest first, so that no thread waits for one.
            share(threads, pieces.into_iter().rev(), |(panel, blocks)| {
                for (block, other) in blocks.iter_mut().zip(&panels) {
                    add_products(block, &panels[panel], other);
                }
            });
        }
    }

    /// The sum of the products of two channels.
    pub fn at(&self, i: usize, j: usize) -> f32 {
        let (low, high) = (i.min(j), i.max(j));
        let (left, right) = (high / PANEL, low / PANEL);
        self.blocks[left * (left + 1) / 2 + right][high % PANEL][low % PANEL]
    }
}

/// The channels from `first` on, row by row; zeros where there are no more.
fn pack(rows: &[f32], columns: usize, first: usize) -> Vec<[f32; PANEL]> {
    let count = PANEL.min(columns - first);
    let pack = |row: &[f32]| {
        let mut packed = [0.0; PANEL];
        packed[..count].copy_from_slice(&row[first..first + count]);
        packed
    };
    rows.chunks_exact(columns).map(pack).collect()
}

simd_fn! {
    fn add_products(block: &mut Block, left: &[[f32; PANEL]], right: &[[f32; PANEL]]) {
        add_some::<0>(block, left, right);
        add_some::<LEFT>(block, left, right);
        add_some::<{ 2 * LEFT }>(block, left, right);
        add_some::<{ 3 * LEFT }>(block, left, right);
    }
}

/// Those of the left channels from `FIRST` on: a constant, for a loop with bounds to check is not made into
/// vectors.
#[inline(always)]
fn add_some<const FIRST: usize>(block: &mut Block, left: &[[f32; PANEL]], right: &[[f32; PANEL]]) {
    let mut sums = [[0f32; PANEL]; LEFT];
    for (left, right) in left.iter().zip(right) {
        for r in 0..LEFT {
            for c in 0..PANEL {
                sums[r][c] += left[FIRST + r] * right[c];
            }
        }
    }
    for (row, sums) in block[FIRST..].iter_mut().zip(&sums) {
        row.iter_mut().zip(sums).for_each(|(x, sum)| *x += sum);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn sums_are_those_of_the_definition_whatever_the_threads(
            columns in 1usize..40,
            count in 0usize..600,
            split in 0usize..600,
        ) {
            let number = |i: usize| ((i * 2_654_435_761) % 1000) as f32 / 499.5 - 1.0;
            let rows: Vec<f32> = (0..count * columns).map(number).collect();
            let of = |threads: usize| {
                let mut gram = Gram::new(columns);
                let (first, second) = rows.split_at(split.min(count) * columns);
                gram.add(first, threads);
                gram.add(second, threads);
                gram
            };
            let gram = of(1);
            prop_assert_eq!(&gram, &of(3));
            for i in 0..columns {
                for j in 0..columns {
                    let terms = rows.chunks_exact(columns).map(|row| f64::from(row[i]) * f64::from(row[j]));
                    let off = (f64::from(gram.at(i, j)) - terms.sum::<f64>()).abs();
                    prop_assert!(off < 1e-6 * count as f64, "{off}");
                }
            }
        }
    }
}
