//! Integers of a byte that are stored in four bits.
//!
//! A row is cut into groups. Each number of a group is `q * m`: `q` has four bits, -8 to 7, and `m`, 1 to
//! 16, is the group's own. So scales of groups are themselves integers in steps of the row's scale, as
//! in double quantisation (Dettmers et al. 2023, QLoRA) and llama.cpp's k-quants, and the products are
//! ordinary integers of a byte: nothing is rounded when they are unpacked, and whoever computes sees one
//! scale a row.

use crate::error::{Error, Result};
use crate::names::group_multipliers;
use crate::params::Params;
use crate::tensor::{Tensor, TensorData};

/// How many bits an integer of a matrix takes in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum WeightBits {
    /// A byte each.
    #[default]
    Eight,
    /// Four bits each, and four bits of multiplier for every `group` neighbours in a row.
    Four {
        /// Numbers of a group, one of [`WeightBits::GROUPS`]; the last group of a row may be smaller.
        group: usize,
    },
}

impl WeightBits {
    /// Sizes that groups may have.
    pub const GROUPS: [usize; 2] = [32, 64];

    /// 8 or 4.
    pub fn bits(self) -> usize {
        match self {
            WeightBits::Eight => 8,
            WeightBits::Four { .. } => 4,
        }
    }
}

/// A matrix of four-bit integers: both tensors, with rows that start bytes.
#[derive(Clone, Copy)]
pub struct FourBits<'a> {
    quarters: &'a [u8],
    multipliers: &'a [u8],
    columns: usize,
    group: usize,
}

impl<'a> FourBits<'a> {
    /// The smallest `q`.
    pub const LOW: i8 = -8;
    /// The largest `q`.
    pub const HIGH: i8 = 7;
    /// The largest multiplier.
    pub const MULTIPLIER_MAX: u8 = 16;

    /// The matrix of that name.
    ///
    /// # Errors
    /// Rejected: a tensor is missing, of another type or of a shape that does not fit the other's.
    pub fn of(params: &'a Params, weight: &str, group: usize) -> Result<Self> {
        let (q, m) = (params.get(weight)?, params.get(&group_multipliers(weight))?);
        let rejected = |what: &str| Err(Error::rejected(format!("tensor {weight}: {what}")));
        let (TensorData::I4(quarters), TensorData::U4(multipliers)) = (q.data(), m.data()) else {
            return rejected("integers of four bits and their multipliers are not i4 and u4");
        };
        let (&[rows, columns], &[of_rows, groups]) = (q.shape(), m.shape()) else {
            return rejected("integers of four bits or their multipliers are no matrix");
        };
        let known = WeightBits::GROUPS.contains(&group);
        if !known || (of_rows, groups) != (rows, columns.div_ceil(group)) {
            return rejected("its multipliers are not one a group");
        }
        Ok(Self {
            quarters,
            multipliers,
            columns,
            group,
        })
    }

    /// The multipliers, `1..=16`, row by row.
    pub fn multipliers(&self) -> Vec<u8> {
        let groups = self.columns.div_ceil(self.group);
        let rows = row_bytes(self.multipliers, groups);
        rows.flat_map(|row| (0..groups).map(|g| nibble(row, g) + 1))
            .collect()
    }

    /// The integers of every row, as bytes.
    ///
    /// # Errors
    /// Rejected: a product outside of a byte, or something in the half of a byte behind a row.
    pub fn rows(self) -> impl Iterator<Item = Result<Vec<i8>>> {
        let width = self.columns.div_ceil(2).max(1);
        let groups = self.columns.div_ceil(self.group);
        let multipliers = row_bytes(self.multipliers, groups);
        let rows = self.quarters.chunks(width).zip(multipliers).enumerate();
        rows.map(move |(r, (quarters, multipliers))| {
            let in_row = |what: &str| Error::rejected(format!("{what} row {r}"));
            if !ends_in_zero(quarters, self.columns) || !ends_in_zero(multipliers, groups) {
                return Err(in_row("half a byte that is not zero ends"));
            }
            let mut row = Vec::with_capacity(2 * width);
            for (g, quarters) in quarters.chunks(self.group / 2).enumerate() {
                let m = i16::from(nibble(multipliers, g)) + 1;
                let mut low = 0;
                row.extend(quarters.iter().flat_map(|&both| {
                    let pair = [(both << 4) as i8 >> 4, both as i8 >> 4];
                    pair.map(|q| {
                        let product = i16::from(q) * m;
                        low = low.min(product);
                        product as i8
                    })
                }));
                if low < -127 {
                    return Err(in_row("a product of -8 and 16, below -127, is in"));
                }
            }
            row.truncate(self.columns);
            Ok(row)
        })
    }

    /// All of them, row-major.
    ///
    /// # Errors
    /// As [`FourBits::rows`].
    pub fn unpacked(self) -> Result<Vec<i8>> {
        let rows = self.quarters.len() / self.columns.div_ceil(2).max(1);
        let mut all = Vec::with_capacity(rows * self.columns);
        for row in self.rows() {
            all.extend(row?);
        }
        Ok(all)
    }
}

/// Four-bit integers (`-8..=7`) and multipliers (`1..=16`) of `[rows, columns]`, as the two tensors that
/// hold them. Panics if they do not fill the shapes (a caller's bug).
pub fn packed(
    q: &[i8],
    multipliers: &[u8],
    [rows, columns]: [usize; 2],
    group: usize,
) -> [Tensor; 2] {
    let groups = columns.div_ceil(group);
    let quarters: Vec<u8> = q.iter().map(|&q| q as u8 & 15).collect();
    let less_one: Vec<u8> = multipliers.iter().map(|m| m - 1).collect();
    let (q, m) = (pairs(&quarters, columns), pairs(&less_one, groups));
    [
        Tensor::new(vec![rows, columns], TensorData::I4(q.into())),
        Tensor::new(vec![rows, groups], TensorData::U4(m.into())),
    ]
}

/// Halves of bytes two by two, row by row.
fn pairs(halves: &[u8], columns: usize) -> Vec<u8> {
    let rows = halves.chunks(columns.max(1));
    let both = |pair: &[u8]| pair[0] | pair.get(1).map_or(0, |high| high << 4);
    rows.flat_map(|row| row.chunks(2).map(both)).collect()
}

fn row_bytes(bytes: &[u8], columns: usize) -> std::slice::Chunks<'_, u8> {
    bytes.chunks(columns.div_ceil(2).max(1))
}

fn nibble(row: &[u8], place: usize) -> u8 {
    (row[place / 2] >> (4 * (place % 2))) & 15
}

/// True if the half byte behind a row of odd length is zero.
fn ends_in_zero(row: &[u8], columns: usize) -> bool {
    columns.is_multiple_of(2) || row.last().is_none_or(|last| last >> 4 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matrix() -> impl Strategy<Value = (Vec<i8>, Vec<u8>, usize, usize, usize)> {
        let sizes = (
            1usize..4,
            1usize..140,
            prop::sample::select(&WeightBits::GROUPS[..]),
        );
        sizes.prop_flat_map(|(rows, columns, group)| {
            let q = prop::collection::vec(-8i8..=7, rows * columns);
            let m = prop::collection::vec(1u8..=15, rows * columns.div_ceil(group));
            (q, m, Just(rows), Just(columns), Just(group))
        })
    }

    fn params(tensors: [Tensor; 2]) -> Params {
        let names = ["w".to_string(), group_multipliers("w")];
        names.into_iter().zip(tensors).collect()
    }

    proptest! {
        #[test]
        fn unpacking_gives_the_products((q, m, rows, columns, group) in matrix()) {
            let params = params(packed(&q, &m, [rows, columns], group));
            let groups = columns.div_ceil(group);
            let products: Vec<i8> = (q.iter().enumerate())
                .map(|(i, &q)| q * m[i / columns * groups + i % columns / group] as i8)
                .collect();
            let found = FourBits::of(&params, "w", group).unwrap().unpacked().unwrap();
            prop_assert_eq!(found, products);
            prop_assert_eq!(FourBits::of(&params, "w", group).unwrap().multipliers(), m);
            let bytes = params.get("w").unwrap().bytes().len();
            prop_assert_eq!(bytes, rows * columns.div_ceil(2));
        }

        #[test]
        fn any_bytes_are_unpacked_within_127_or_refused(
            q in prop::collection::vec(any::<u8>(), 2 * 33),
            m in prop::collection::vec(any::<u8>(), 2 * 2),
        ) {
            let params = params([
                Tensor::new(vec![2, 65], TensorData::I4(q.into())),
                Tensor::new(vec![2, 3], TensorData::U4(m.into())),
            ]);
            if let Ok(found) = FourBits::of(&params, "w", 32).unwrap().unpacked() {
                prop_assert!(found.iter().all(|&q| q != -128));
                prop_assert_eq!(found.len(), 130);
            }
        }
    }

    #[test]
    fn known_bytes() {
        let params = params(packed(&[1, -1, 7, -8, 0, 3], &[2, 15], [2, 3], 32));
        assert_eq!(params.get("w").unwrap().bytes(), [0xf1, 0x07, 0x08, 0x03]);
        assert_eq!(params.get("w.multiplier").unwrap().bytes(), [1, 14]);
        let found = FourBits::of(&params, "w", 32).unwrap().unpacked().unwrap();
        assert_eq!(found, [2, -2, 14, -120, 0, 45]);
    }

    #[test]
    fn what_is_no_byte_or_lies_behind_a_row_is_refused() {
        let tensors = |q: [u8; 2], m: u8| {
            params([
                Tensor::new(vec![1, 3], TensorData::I4(q.to_vec().into())),
                Tensor::new(vec![1, 1], TensorData::U4(vec![m].into())),
            ])
        };
        let unpacked = |params: &Params, group| FourBits::of(params, "w", group)?.unpacked();
        assert_eq!(
            unpacked(&tensors([0x97, 8], 14), 32).unwrap(),
            [105, -105, -120]
        );
        for (params, group, wanted) in [
            (tensors([0x97, 8], 15), 32, "below -127, is in row 0"),
            (tensors([0x97, 0x18], 1), 32, "not zero ends row 0"),
            (tensors([0x97, 8], 0x11), 32, "not zero ends row 0"),
            (tensors([0x97, 8], 1), 2, "not one a group"),
            (tensors([0x97, 8], 1), 0, "not one a group"),
        ] {
            let message = unpacked(&params, group).unwrap_err().to_string();
            assert!(message.contains(wanted), "{message}");
        }
    }
}
