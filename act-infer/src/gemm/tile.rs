//! Rows in tiles: a register-blocked kernel is compiled once for every number of rows up to its
//! tile's height, so that no row is computed in vain.

/// Calls `$tile::<R>$arguments`, with `$first` the first row, for tiles that cover `$rows` rows:
/// as few as possible, each of at most `$max` rows, all about equally high.
macro_rules! for_row_tiles {
    ($rows:expr, max $max:literal, [$($n:literal)*], $first:ident => $tile:ident $arguments:tt) => {{
        let rows: usize = $rows;
        let tiles = rows.div_ceil($max);
        let mut $first = 0;
        for t in 1..=tiles {
            let end = rows * t / tiles;
            match end - $first {
                $($n => $tile::<$n>$arguments,)*
                _ => $tile::<$max>$arguments,
            }
            $first = end;
        }
    }};
}

pub(super) use for_row_tiles;
