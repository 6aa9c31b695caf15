//! The tile registers and their instructions, in assembly: the compiler has none yet that are
//! stable. It never uses the registers itself, so they keep their values from one piece of
//! assembly to the next.

use std::arch::asm;
use std::arch::x86_64::{__cpuid_count, _xgetbv};
use std::marker::PhantomData;

/// Columns of a panel, and rows of a block at most: those of two tiles.
pub(super) const WIDTH: usize = 32;
/// Bytes of a row that a step takes.
pub(super) const DEPTH: usize = 64;
/// Rows of a tile, at most; bytes of one are at most 64.
pub(super) const ROWS: usize = 16;

/// True if the processor has AMX with products of bytes, and the system lets this process use it.
/// The machine has AVX-512.
pub(super) fn usable() -> bool {
    const TILES_AND_BYTES: u32 = 0b11 << 24;
    const STATE: u64 = 0b11 << 17;
    // SAFETY: every processor with AVX-512 has this leaf. (Compilers differ on whether the call needs one.)
    #[allow(unused_unsafe)]
    let features = unsafe { __cpuid_count(7, 0) }.edx;
    // SAFETY: where there is AVX-512 the system saves its state, and so there is `xgetbv`.
    let saved = unsafe { _xgetbv(0) };
    features & TILES_AND_BYTES == TILES_AND_BYTES && saved & STATE == STATE && permitted()
}

/// Asks Linux for the tiles' memory in a thread's saved state: for all threads of the process, from
/// now on. It refuses where a thread's signal stack is too small for it.
fn permitted() -> bool {
    const ARCH_PRCTL: isize = 158;
    const REQUEST_PERMISSION: usize = 0x1023;
    const TILE_DATA: usize = 18;
    let result: isize;
    // SAFETY: the call changes nothing but what is permitted; the two registers are those that
    // every call overwrites.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => result,
            in("rdi") REQUEST_PERMISSION,
            in("rsi") TILE_DATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result == 0
}

/// What the eight registers hold, as the processor reads it.
#[repr(C, align(64))]
struct Layout {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// The registers of this thread: 0 to 3 are sums, two tiles of rows by two of columns, 4 is left
/// bytes, 6 and 7 are weights. Let go when dropped, so that switching threads stays cheap.
pub(super) struct Tiles {
    height: usize,
    /// They are one thread's.
    thread: PhantomData<*const ()>,
}

/// Loads a tile, or stores one, rows `$stride` bytes apart.
macro_rules! tile {
    ($tile:tt = $at:expr, $stride:expr) => {
        asm!(
            concat!("tileloadd ", $tile, ", [{at} + {stride}*1]"),
            at = in(reg) $at,
            stride = in(reg) $stride,
            out($tile) _,
            options(nostack, readonly, preserves_flags),
        )
    };
    ($at:expr, $stride:expr => $tile:tt) => {
        asm!(
            concat!("tilestored [{at} + {stride}*1], ", $tile),
            at = in(reg) $at,
            stride = in(reg) $stride,
            options(nostack, preserves_flags),
        )
    };
}

/// Adds the products of two tiles to a third.
macro_rules! products {
    ($sums:tt += $bytes:tt, $weights:tt) => {
        asm!(
            concat!("tdpbusd ", $sums, ", ", $bytes, ", ", $weights),
            out($sums) _,
            options(nomem, nostack, preserves_flags),
        )
    };
}

impl Tiles {
    /// For left bytes and sums of so many rows, at most [`ROWS`].
    ///
    /// # Safety
    /// [`usable`], and the only value in this thread.
    pub(super) unsafe fn new(height: usize) -> Self {
        assert!((1..=ROWS).contains(&height));
        let mut layout = Layout {
            palette: 1,
            start_row: 0,
            reserved: [0; 14],
            row_bytes: [0; 16],
            rows: [0; 16],
        };
        for tile in 0..8 {
            layout.row_bytes[tile] = 64;
            layout.rows[tile] = if tile < 6 { height } else { ROWS } as u8;
        }
        // SAFETY: the caller's promise; the layout is one of the processor's.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &layout, options(nostack, readonly, preserves_flags));
        }
        Self {
            height,
            thread: PhantomData,
        }
    }

    /// Sums begin: `start` in every row.
    #[inline(always)]
    pub(super) fn start(&self, start: &[i32]) {
        let (low, high) = start[..WIDTH].split_at(WIDTH / 2);
        // SAFETY: of either half of the columns one row is read again and again.
        unsafe {
            tile!("tmm0" = low.as_ptr(), 0usize);
            tile!("tmm1" = high.as_ptr(), 0usize);
            tile!("tmm2" = low.as_ptr(), 0usize);
            tile!("tmm3" = high.as_ptr(), 0usize);
        }
    }

    /// Adds the products of [`DEPTH`] bytes of every row of one tile or two with weights.
    ///
    /// # Safety
    /// From each pointer on there are as many rows as a tile has, `stride` apart, each of so many bytes.
    #[inline(always)]
    pub(super) unsafe fn add(
        &self,
        first: *const u8,
        second: Option<*const u8>,
        stride: usize,
        weights: &[i8; DEPTH * WIDTH],
    ) {
        let low = weights.as_ptr();
        // SAFETY: the caller promises the rows. Weights are rows of four for every column; either
        // tile takes the half of each, 64 bytes.
        unsafe {
            tile!("tmm6" = low, 4 * WIDTH);
            tile!("tmm4" = first, stride);
            products!("tmm0" += "tmm4", "tmm6");
            tile!("tmm7" = low.add(2 * WIDTH), 4 * WIDTH);
            products!("tmm1" += "tmm4", "tmm7");
            if let Some(second) = second {
                tile!("tmm5" = second, stride);
                products!("tmm2" += "tmm5", "tmm6");
                products!("tmm3" += "tmm5", "tmm7");
            }
        }
    }

    /// Writes the sums of the first tile from row 0 on, and those of the second, where there is one, from that row.
    #[inline(always)]
    pub(super) fn store(&self, sums: &mut [[i32; WIDTH]], second: Option<usize>) {
        let mut rows = |row: usize| sums[row..][..self.height].as_mut_ptr().cast::<i32>();
        // SAFETY: there is a row for each of a tile's, of which either tile takes the half.
        unsafe {
            let low = rows(0);
            tile!(low, 4 * WIDTH => "tmm0");
            tile!(low.add(WIDTH / 2), 4 * WIDTH => "tmm1");
            if let Some(second) = second {
                let low = rows(second);
                tile!(low, 4 * WIDTH => "tmm2");
                tile!(low.add(WIDTH / 2), 4 * WIDTH => "tmm3");
            }
        }
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: they were set up.
        unsafe { asm!("tilerelease", options(nomem, nostack, preserves_flags)) }
    }
}
