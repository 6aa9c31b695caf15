//! Register-blocked tiles: some rows by one panel, all sums in registers over the whole depth.
//!
//! All kernels work in words of 32 bits: a float, or four bytes. A step broadcasts the words of a
//! row and multiplies them by two vectors of columns. A tile is compiled once for every number of
//! rows up to its height, so that no row is computed in vain.

/// Writes `fn $rows(left, panel, out)` and the function of its tiles. `$step(sum, a, w)` takes
/// `$words` words of a row and as many vectors of weights; `$take` passes on a row's sums.
macro_rules! tiles {
    (
        $rows:ident, $tile:ident, $feature:literal, max $max:literal, [$($n:literal)*],
        ($left:ty) x ($panel:ty) -> $sum:ty, $vector:ty: $lanes:literal lanes,
        zero $zero:ident, load $load:ident, load_start $load_start:ident, store $store:ident,
        broadcast $broadcast:ident, words $words:literal, step $step:ident, take $take:ident
    ) => {
        #[target_feature(enable = $feature)]
        fn $rows(left: $left, panel: $panel, mut out: Strip<'_>) {
            panel.assert_fits(left, 2 * $lanes);
            let tiles = left.rows.div_ceil($max);
            let mut first = 0;
            for t in 1..=tiles {
                // The share of the next panel that this tile asks memory for.
                let share = (t - 1, tiles);
                // As few tiles as possible, all about equally high.
                let end = left.rows * t / tiles;
                // SAFETY: checked just now; the tiles cover the rows of `left` and no more.
                unsafe {
                    match end - first {
                        $($n => $tile::<$n>(first, left, panel, share, &mut out),)*
                        _ => $tile::<$max>(first, left, panel, share, &mut out),
                    }
                }
                first = end;
            }
        }

        /// # Safety
        /// `left` holds all rows of the tile at the panel's depth, a whole number of steps;
        /// `panel.start` has a sum for every column.
        #[target_feature(enable = $feature)]
        unsafe fn $tile<const R: usize>(
            first: usize,
            left: $left,
            panel: $panel,
            share: (usize, usize),
            out: &mut Strip<'_>,
        ) {
            let weights = panel.weights.as_ptr().cast::<$vector>();
            let mut tile = [[<$sum>::default(); 2 * $lanes]; R];
            // SAFETY: the caller promises what is read: for every word of the depth two vectors of
            // weights and 32 bits of every row. The sums and the rows of `tile` are two vectors.
            unsafe {
                let rows = left.values.as_ptr().add(first * left.stride);
                let start = panel.start.as_ptr();
                let start = [$load_start(start.cast()), $load_start(start.add($lanes).cast())];
                let mut sums = [start; R];
                let vectors = size_of_val(panel.weights) / size_of::<$vector>();
                // The next panel, usually what follows, is on its way from the last cache or from
                // memory while this one is multiplied. A prefetch may be of any address.
                let bytes = size_of_val(panel.weights);
                let mut ahead = weights.cast::<i8>().wrapping_add(bytes + bytes * share.0 / share.1);
                let stride_ahead = 2 * $words * size_of::<$vector>() / share.1;
                for step in 0..vectors / (2 * $words) {
                    _mm_prefetch::<_MM_HINT_T1>(ahead);
                    ahead = ahead.wrapping_add(stride_ahead);
                    let mut w = [[$zero(); $words]; 2];
                    for q in 0..$words {
                        let pair = weights.add((step * $words + q) * 2);
                        w[0][q] = $load(pair.cast());
                        w[1][q] = $load(pair.add(1).cast());
                    }
                    for r in 0..R {
                        let words = rows.add(r * left.stride).cast::<u32>().add(step * $words);
                        let mut a = [$zero(); $words];
                        for q in 0..$words {
                            a[q] = $broadcast(words.add(q).read_unaligned());
                        }
                        sums[r][0] = $step(sums[r][0], a, w[0]);
                        sums[r][1] = $step(sums[r][1], a, w[1]);
                    }
                }
                for r in 0..R {
                    $store(tile[r].as_mut_ptr().cast(), sums[r][0]);
                    $store(tile[r].as_mut_ptr().add($lanes).cast(), sums[r][1]);
                }
            }
            $take(first, &tile, panel, out);
        }
    };
}

pub(super) use tiles;
