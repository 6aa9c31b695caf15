//! Which kernels compute.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use super::amx;
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
    /// AMX's products of bytes, and AVX-512 with VNNI for the rest. Linux only.
    AmxInt8,
}

impl Kernels {
    /// All kernels that this machine can run, the portable ones first.
    pub fn available() -> Vec<Kernels> {
        let all = [
            Kernels::Generic,
            Kernels::Avx2,
            Kernels::AvxVnni,
            Kernels::Avx512Vnni,
            Kernels::AmxInt8,
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
            Kernels::Auto => amx_int8()
                .or_else(avx512::vnni)
                .or_else(avx2::vnni)
                .or_else(avx2::plain),
            Kernels::Generic => None,
            Kernels::Avx2 => avx2::plain(),
            Kernels::AvxVnni => avx2::vnni(),
            Kernels::Avx512Vnni => avx512::vnni(),
            Kernels::AmxInt8 => amx_int8(),
        };
        if let Some(kernel) = found {
            return kernel;
        }
    }
    let _ = choice;
    &generic::Generic
}

/// The system must let a process use AMX; how to ask is known of Linux alone.
#[cfg(target_arch = "x86_64")]
fn amx_int8() -> Option<&'static dyn Kernel> {
    #[cfg(target_os = "linux")]
    return amx::int8();
    #[cfg(not(target_os = "linux"))]
    return None;
}
