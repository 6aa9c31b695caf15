//! Register-blocked tiles: some rows by one panel, all sums in registers over the whole depth.
//!
//! All kernels work in words of 32 bits: a float, or four bytes. A step broadcasts the words of a
//! row and multiplies them by two vectors of columns. A tile is compiled once for every number of
//! rows up to its height, so that no row is computed in vain.
//!
//! One or two rows have too few sums to hide how long an addition takes, and wait for memory
//! besides: their tiles are several panels wide.

use std::ops::Range;

/// `0..rows` in as few tiles of at most `height` as possible, all about equally high.
pub(super) fn tiles_of(rows: usize, height: usize) -> impl Iterator<Item = Range<usize>> {
    let count = rows.div_ceil(height);
    let (low, higher) = (rows / count.max(1), rows % count.max(1));
    let mut end = 0;
    (0..count).map(move |tile| {
        let start = end;
        end += low + usize::from(tile < higher);
        start..end
    })
}

/// What memory is asked for while panels are multiplied: what lies behind them, usually what
/// follows, so that it is on its way from the last cache or from memory.
#[derive(Clone, Copy)]
pub(super) struct Ahead {
    next: *const i8,
    stride: usize,
}

impl Ahead {
    /// As much as `panels`, of which a step takes `step` bytes, spread over `tiles` tiles.
    #[inline(always)]
    pub fn of<T>(panels: &[T], step: usize, tiles: usize) -> Self {
        Self {
            next: panels.as_ptr_range().end.cast(),
            stride: step / tiles.max(1),
        }
    }

    /// From some steps on. A prefetch may be of any address.
    #[inline(always)]
    pub fn from(self, steps: usize) -> Self {
        Self {
            next: self.next.wrapping_add(steps * self.stride),
            ..self
        }
    }

    /// What to ask for now.
    #[inline(always)]
    pub fn step(&mut self) -> *const i8 {
        let now = self.next;
        *self = self.from(1);
        now
    }
}

/// Sums that begin on a cache line: a vector on two of them is long on its way from the store to the load that
/// follows it.
#[repr(align(64))]
pub(super) struct OnLines<T>(pub T);

/// Writes `fn $rows(left, panels, out)` and the function of its tiles. `$step(sum, a, w)` takes
/// `$words` words of a row and as many vectors of weights; `$take` passes on the sums of rows.
macro_rules! tiles {
    (
        $rows:ident, $tile:ident, $feature:literal, max $max:literal, [$($n:literal)*],
        ($left:ident<$number:ident>) x ($panels:ident) -> $sum:ty, $vector:ty: $lanes:literal lanes,
        zero $zero:ident, load $load:ident, load_start $load_start:ident, store $store:ident,
        broadcast $broadcast:ident, words $words:literal, step $step:ident, take $take:ident
    ) => {
        #[target_feature(enable = $feature)]
        fn $rows(left: $left<'_, $number>, panels: $panels<'_>, mut out: Strip<'_>) {
            let count = panels.count(2 * $lanes);
            let mut first = 0;
            while first < count {
                // Eight sums where a sum has eight lanes, and no more columns where it has more.
                let wanted = match left.rows {
                    1 => 64 / (2 * $lanes),
                    2 => 32 / (2 * $lanes),
                    _ => 1,
                };
                let at_once = if first + wanted <= count { wanted } else { 1 };
                let panels = panels.some(first, at_once, 2 * $lanes);
                let out = &mut out.some(first, at_once, 2 * $lanes);
                panels.assert_fits(left, at_once * 2 * $lanes);
                let step = 2 * $words * size_of::<$vector>();
                let steps = size_of_val(panels.weights) / step / at_once;
                let mut ahead = Ahead::of(panels.weights, step, left.rows.div_ceil($max));
                for rows in tile::tiles_of(left.rows, $max) {
                    // SAFETY: checked just now; the tiles cover the rows of `left` and no more.
                    unsafe {
                        match (rows.len(), at_once) {
                            (_, 4) => $tile::<1, 4>(rows.start, left, panels, ahead, out),
                            (1, 2) => $tile::<1, 2>(rows.start, left, panels, ahead, out),
                            (_, 2) => $tile::<2, 2>(rows.start, left, panels, ahead, out),
                            $(($n, _) => $tile::<$n, 1>(rows.start, left, panels, ahead, out),)*
                            _ => $tile::<$max, 1>(rows.start, left, panels, ahead, out),
                        }
                    }
                    ahead = ahead.from(steps);
                }
                first += at_once;
            }
        }

        /// `R` rows from `first` on by `P` panels.
        ///
        /// # Safety
        /// `left` holds all rows of the tile at the panels' depth, a whole number of steps;
        /// `panels` are `P`, and their `start` has a sum for every column.
        // Not inlined: among the loops of other heights the compiler finds worse code for this one.
        #[inline(never)]
        #[target_feature(enable = $feature)]
        unsafe fn $tile<const R: usize, const P: usize>(
            first: usize,
            left: $left<'_, $number>,
            panels: $panels<'_>,
            mut ahead: Ahead,
            out: &mut Strip<'_>,
        ) {
            let weights = panels.weights.as_ptr().cast::<$vector>();
            let vectors = size_of_val(panels.weights) / size_of::<$vector>() / P;
            let mut sums = [[[$zero(); 2]; R]; P];
            let mut tile = tile::OnLines([[[<$sum>::default(); 2 * $lanes]; R]; P]);
            // SAFETY: the caller promises what is read: for every word of the depth two vectors of
            // weights a panel and 32 bits of every row. The sums that a panel starts from and the
            // rows of `tile` are two vectors.
            unsafe {
                let rows = left.values.as_ptr().add(first * left.stride);
                for p in 0..P {
                    let start = panels.start.as_ptr().add(p * 2 * $lanes);
                    sums[p] = [[$load_start(start.cast()), $load_start(start.add($lanes).cast())]; R];
                }
                for step in 0..vectors / (2 * $words) {
                    let ahead = ahead.step().cast::<$vector>();
                    for p in 0..P {
                        _mm_prefetch::<_MM_HINT_T1>(ahead.wrapping_add(p * vectors).cast());
                        let mut w = [[$zero(); $words]; 2];
                        for q in 0..$words {
                            let pair = weights.add(p * vectors + (step * $words + q) * 2);
                            w[0][q] = $load(pair.cast());
                            w[1][q] = $load(pair.add(1).cast());
                        }
                        for r in 0..R {
                            let words = rows.add(r * left.stride).cast::<u32>().add(step * $words);
                            let mut a = [$zero(); $words];
                            for q in 0..$words {
                                a[q] = $broadcast(words.add(q).read_unaligned());
                            }
                            sums[p][r][0] = $step(sums[p][r][0], a, w[0]);
                            sums[p][r][1] = $step(sums[p][r][1], a, w[1]);
                        }
                    }
                }
                for p in 0..P {
                    for r in 0..R {
                        $store(tile.0[p][r].as_mut_ptr().cast(), sums[p][r][0]);
                        $store(tile.0[p][r].as_mut_ptr().add($lanes).cast(), sums[p][r][1]);
                    }
                }
            }
            if P == 1 {
                $take(first, &tile.0[0], panels, out);
            } else {
                for p in 0..P {
                    let (panel, mut out) = (panels.nth(p, 2 * $lanes), out.nth(p, 2 * $lanes));
                    $take(first, &tile.0[p], panel, &mut out);
                }
            }
        }
    };
}

pub(super) use tiles;
