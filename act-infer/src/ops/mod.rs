//! Everything between the matrix products, on plain slices.
//!
//! Integer models must give the same bits on every machine, so each function has one definition:
//! plain Rust of correctly rounded operations in a fixed order (no fused multiply-add, sums in
//! [`LANES`] lanes), compiled once for each instruction set and vectorised by the compiler. What training
//! computes too is in [`act_core::arithmetic`].

pub(crate) mod activation;
pub(crate) mod attention_bytes;
pub(crate) mod embed;
pub(crate) mod gelu_bytes;
pub(crate) mod norm;
pub(crate) mod pool;
pub(crate) mod quantize;
pub(crate) mod rotary;
pub(crate) mod softmax;

pub(crate) use act_core::arithmetic::lanes::{LANES, combine_lanes, larger, reduce};

/// An instruction set that this machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Isa(Level);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Isa {
    /// What the compiler's target has.
    pub(crate) const PORTABLE: Isa = Isa(Level::Portable);

    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn avx2() -> Option<Isa> {
        let here = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        here.then_some(Isa(Level::Avx2))
    }

    /// AVX-512 as all server processors have had it since its beginning.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn avx512() -> Option<Isa> {
        let here = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        here.then_some(Isa(Level::Avx512))
    }

    pub(crate) fn level(self) -> Level {
        self.0
    }
}

/// Defines a function of which the compiler makes one version for each instruction set; callers
/// pass the [`Isa`] first.
macro_rules! for_each_isa {
    ($(
        $(#[$meta:meta])*
        $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $result:ty)? $body:block
    )*) => {$(
        $(#[$meta])*
        $vis fn $name(isa: crate::ops::Isa, $($arg: $ty),*) $(-> $result)? {
            #[inline(always)]
            fn portable($($arg: $ty),*) $(-> $result)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2($($arg: $ty),*) $(-> $result)? {
                portable($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
            fn avx512($($arg: $ty),*) $(-> $result)? {
                portable($($arg),*)
            }

            match isa.level() {
                crate::ops::Level::Portable => portable($($arg),*),
                // SAFETY: an `Isa` of this level exists only where the machine has AVX2 and FMA.
                #[cfg(target_arch = "x86_64")]
                crate::ops::Level::Avx2 => unsafe { avx2($($arg),*) },
                // SAFETY: an `Isa` of this level exists only where the machine has AVX-512.
                #[cfg(target_arch = "x86_64")]
                crate::ops::Level::Avx512 => unsafe { avx512($($arg),*) },
            }
        }
    )*};
}

pub(crate) use for_each_isa;
