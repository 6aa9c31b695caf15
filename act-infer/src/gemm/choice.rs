//! Which kernels compute.

use super::generic;
use super::kernel::Kernel;
#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512};

/// Which kernels compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernels {
    /// The fastest this machine has.
    Auto,
    /// Portable Rust, always there; the reference for all others.
    Generic,
    /// AVX2 and FMA.
    Avx2,
    /// AVX2, FMA and AVX-VNNI.
    AvxVnni,
    /// AVX-512 with VNNI.
    Avx512Vnni,
}

impl Kernels {
    /// All kernels that this machine can run, the portable ones first.
    pub fn available() -> Vec<Kernels> {
        let all = [
            Kernels::Generic,
            Kernels::Avx2,
            Kernels::AvxVnni,
            Kernels::Avx512Vnni,
        ];
        let generic = kernel(Kernels::Generic).name();
        let runs = |k: &Kernels| *k == Kernels::Generic || kernel(*k).name() != generic;
        all.into_iter().filter(runs).collect()
    }
}

/// The kernel for a choice; the generic one where the machine lacks what was asked for.
pub fn kernel(choice: Kernels) -> &'static dyn Kernel {
    #[cfg(target_arch = "x86_64")]
    {
        let found = match choice {
            Kernels::Auto => avx512::vnni().or_else(avx2::vnni).or_else(avx2::plain),
            Kernels::Generic => None,
            Kernels::Avx2 => avx2::plain(),
            Kernels::AvxVnni => avx2::vnni(),
            Kernels::Avx512Vnni => avx512::vnni(),
        };
        if let Some(kernel) = found {
            return kernel;
        }
    }
    let _ = choice;
    &generic::Generic
}
