//! What the core's multipliers can do at most: loops over registers alone, no memory.
//!
//! In assembly, because a compiler would hoist the products out of the loop.

use std::arch::asm;
use std::arch::x86_64::*;
use std::hint::black_box;

use act_infer::Kernels;
use act_infer::gemm::Scheme;

/// Independent sums of a loop: enough to hide every latency, few enough for 16 registers.
const SUMS: usize = 10;

/// A loop, and the multiply-adds of one of its rounds.
pub struct Peak {
    run: unsafe fn(usize),
    /// Multiply-adds of a round.
    pub macs: usize,
}

impl Peak {
    /// Runs so many rounds.
    pub fn run(&self, rounds: usize) {
        // SAFETY: made by `peak` alone, for a machine that has the instructions.
        unsafe { (self.run)(rounds) }
    }
}

/// The loop of a kernel's products; the float ones without a scheme.
pub fn peak(kernels: Kernels, scheme: Option<Scheme>) -> Option<Peak> {
    let (run, macs): (unsafe fn(usize), usize) = match (kernels, scheme) {
        (Kernels::Avx512Vnni | Kernels::AmxInt8, None) => (fma_512, 16 * SUMS),
        (Kernels::Avx512Vnni, Some(_)) => (vnni_512, 64 * SUMS),
        #[cfg(target_os = "linux")]
        (Kernels::AmxInt8, Some(_)) => (amx_tiles, 4 * 16 * 16 * 64),
        (Kernels::Avx2 | Kernels::AvxVnni, None) => (fma_256, 8 * SUMS),
        (Kernels::AvxVnni, Some(_)) => (vnni_256, 32 * SUMS),
        (Kernels::Avx2, Some(Scheme::UnsignedQuads)) => (quads_256, 64 * SUMS),
        (Kernels::Avx2, Some(Scheme::UnsignedPairs)) => (pairs_256, 32 * SUMS),
        (Kernels::Avx2, Some(_)) => (signed_256, 32 * SUMS),
        _ => return None,
    };
    let available = Kernels::available().contains(&kernels);
    available.then_some(Peak { run, macs })
}

macro_rules! peak_loop {
    ($name:ident, $feature:literal, $register:ident, $zero:ident, $($instruction:literal),*) => {
        #[target_feature(enable = $feature)]
        fn $name(rounds: usize) {
            let zero = black_box($zero());
            let mut sums = [zero; SUMS];
            for _ in 0..rounds {
                for sum in &mut sums {
                    // SAFETY: arithmetic on registers.
                    unsafe {
                        asm!(
                            "# {t} and {u} are free",
                            $($instruction,)*
                            s = inout($register) *sum,
                            a = in($register) zero,
                            w = in($register) zero,
                            t = out($register) _,
                            u = out($register) _,
                            options(pure, nomem, nostack),
                        );
                    }
                }
            }
            black_box(sums);
        }
    };
}

peak_loop!(
    fma_512,
    "avx512f",
    zmm_reg,
    _mm512_setzero_ps,
    "vfmadd231ps {s}, {a}, {w}"
);
peak_loop!(
    fma_256,
    "avx2,fma",
    ymm_reg,
    _mm256_setzero_ps,
    "vfmadd231ps {s}, {a}, {w}"
);
peak_loop!(
    vnni_512,
    "avx512f,avx512vnni",
    zmm_reg,
    _mm512_setzero_si512,
    "vpdpbusd {s}, {a}, {w}"
);
peak_loop!(
    vnni_256,
    "avx2,avxvnni",
    ymm_reg,
    _mm256_setzero_si256,
    "{{vex}} vpdpbusd {s}, {a}, {w}"
);
peak_loop!(
    quads_256,
    "avx2",
    ymm_reg,
    _mm256_setzero_si256,
    "vpmaddubsw {t}, {a}, {w}",
    "vpmaddubsw {u}, {a}, {w}",
    "vpaddw {t}, {t}, {u}",
    "vpmaddwd {t}, {t}, {w}",
    "vpaddd {s}, {s}, {t}"
);
peak_loop!(
    pairs_256,
    "avx2",
    ymm_reg,
    _mm256_setzero_si256,
    "vpmaddubsw {t}, {a}, {w}",
    "vpmaddwd {t}, {t}, {w}",
    "vpaddd {s}, {s}, {t}"
);
peak_loop!(
    signed_256,
    "avx2",
    ymm_reg,
    _mm256_setzero_si256,
    "vpsignb {t}, {w}, {a}",
    "vpmaddubsw {t}, {a}, {t}",
    "vpmaddwd {t}, {t}, {w}",
    "vpaddd {s}, {s}, {t}"
);

/// Four sums of two tiles of rows and two of columns. Tiles must be permitted: finding out what is available asks.
#[cfg(target_os = "linux")]
fn amx_tiles(rounds: usize) {
    // Palette 1, then the bytes of a row and, from 48 on, the rows of each tile.
    #[repr(align(64))]
    struct Layout([u8; 64]);
    let mut layout = Layout([0; 64]);
    layout.0[0] = 1;
    for tile in 0..8 {
        layout.0[16 + 2 * tile] = 64;
        layout.0[48 + tile] = 16;
    }
    // SAFETY: arithmetic on tile registers, which nothing else uses.
    unsafe {
        asm!(
            "ldtilecfg [{layout}]",
            "2:",
            "tdpbusd tmm0, tmm4, tmm6",
            "tdpbusd tmm1, tmm4, tmm7",
            "tdpbusd tmm2, tmm5, tmm6",
            "tdpbusd tmm3, tmm5, tmm7",
            "dec {rounds}",
            "jnz 2b",
            "tilerelease",
            layout = in(reg) &layout,
            rounds = inout(reg) rounds => _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            options(nostack, readonly),
        );
    }
}
