//! `--device`: which backend computes, chosen once, here.
//!
//! The only module that names the backends' instantiations; what a build lacks is said by the
//! name of the cargo feature that brings it.

use std::str::FromStr;

use act_core::{Error, Result};

/// Where to compute; picks the backend once, in this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// burn's ndarray backend.
    NdArray,
    /// burn's flex backend (feature `flex`).
    Flex,
    /// A CUDA GPU (feature `cuda`).
    Cuda(usize),
}

impl FromStr for Device {
    type Err = Error;

    /// `cpu` (the faster CPU backend, which is ndarray with this crate's kernels), `ndarray`,
    /// `flex`, `cuda` (the first GPU) or `cuda:N`. A device that is not compiled in is an error
    /// that names the cargo feature.
    fn from_str(s: &str) -> Result<Self> {
        let device = match s {
            "cpu" | "ndarray" => Device::NdArray,
            "flex" => Device::Flex,
            "cuda" => Device::Cuda(0),
            _ => match s.strip_prefix("cuda:").map(str::parse) {
                Some(Ok(n)) => Device::Cuda(n),
                _ => {
                    return Err(Error::usage(format!(
                        "no device is called {s:?}: write cpu, ndarray, flex, cuda or cuda:N"
                    )));
                }
            },
        };
        match device.compiled_in() {
            true => Ok(device),
            false => Err(device.missing()),
        }
    }
}

impl Device {
    /// True if mixed precision has an effect on it.
    pub fn mixed(self) -> bool {
        matches!(self, Device::Cuda(_))
    }

    fn feature(self) -> &'static str {
        match self {
            Device::NdArray => "ndarray",
            Device::Flex => "flex",
            Device::Cuda(_) => "cuda",
        }
    }

    fn compiled_in(self) -> bool {
        match self {
            Device::NdArray => cfg!(feature = "ndarray"),
            Device::Flex => cfg!(feature = "flex"),
            Device::Cuda(_) => cfg!(feature = "cuda"),
        }
    }

    pub(crate) fn missing(self) -> Error {
        let feature = self.feature();
        Error::usage(format!(
            "device {feature} is not compiled in: build with `cargo build --release --features \
             act-nn/{feature}`, or run make with DEVICE={feature}"
        ))
    }
}

/// Calls a generic function with the device's backend: `f::<Backend>(&device, arguments…)`.
macro_rules! dispatch {
    ($device:expr, $function:ident ( $($argument:expr),* $(,)? )) => {
        match $device {
            #[cfg(feature = "ndarray")]
            $crate::Device::NdArray => {
                $function::<burn::backend::NdArray>(&Default::default(), $($argument),*)
            }
            #[cfg(feature = "flex")]
            $crate::Device::Flex => {
                $function::<burn::backend::Flex>(&Default::default(), $($argument),*)
            }
            #[cfg(feature = "cuda")]
            $crate::Device::Cuda(index) => {
                let device = $crate::device::cuda(index)?;
                $function::<burn::backend::Cuda>(&device, $($argument),*)
            }
            #[allow(unreachable_patterns)]
            device => Err(device.missing()),
        }
    };
}
pub(crate) use dispatch;

#[cfg(feature = "flex")]
mod flex {
    use burn::backend::{Autodiff, Flex};

    use crate::backend::{ActBackend, Ops};
    use crate::quantize::QuantizeOps;

    impl QuantizeOps for Flex {}
    impl QuantizeOps for Autodiff<Flex> {}
    impl Ops for Flex {}
    impl Ops for Autodiff<Flex> {}
    impl ActBackend for Flex {
        type Graph = Autodiff<Flex>;
        const THREADS: bool = true;
    }
}

#[cfg(feature = "cuda")]
mod on_cuda {
    use std::sync::{Arc, Mutex, PoisonError};

    use act_core::{Error, Result};
    use burn::backend::cuda::CudaDevice;
    use burn::backend::{Autodiff, Cuda};
    use burn::tensor::Tensor;

    use crate::backend::{ActBackend, Ops};
    use crate::quantize::QuantizeOps;

    impl QuantizeOps for Cuda {}
    impl QuantizeOps for Autodiff<Cuda> {}
    impl Ops for Cuda {}
    impl Ops for Autodiff<Cuda> {}
    impl ActBackend for Cuda {
        type Graph = Autodiff<Cuda>;
        const THREADS: bool = false;
        const MIXED: bool = true;
    }

    /// The GPU, after a first computation on it: a missing driver or GPU panics inside the
    /// bindings (on a thread of theirs), which becomes one line here.
    pub(crate) fn cuda(index: usize) -> Result<CudaDevice> {
        let first_panic = Arc::new(Mutex::new(None));
        let note = first_panic.clone();
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // What follows the dash is a list of forty file names.
            let text = info
                .payload_as_str()
                .and_then(|text| text.split(['\n', '-']).next());
            let mut first = note.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(|| text.unwrap_or("it panics").trim().to_string());
        }));
        let probe = std::panic::catch_unwind(|| {
            let device = CudaDevice::new(index);
            Tensor::<Cuda, 1>::ones([1], &device).into_data();
            device
        });
        std::panic::set_hook(hook);
        probe.map_err(|_| {
            let first = first_panic.lock().unwrap_or_else(PoisonError::into_inner);
            let why = first.as_deref().unwrap_or("unknown cause");
            Error::usage(format!(
                "device cuda:{index} cannot be used: {why} (a GPU needs its driver and NVRTC)"
            ))
        })
    }
}
#[cfg(feature = "cuda")]
pub(crate) use on_cuda::cuda;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!("cpu".parse::<Device>().unwrap(), Device::NdArray);
        assert_eq!("ndarray".parse::<Device>().unwrap(), Device::NdArray);
        for bad in ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "CPU"] {
            let error = bad.parse::<Device>().unwrap_err();
            assert!(error.to_string().contains("no device is called"), "{bad}");
        }
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_missing_device_names_its_feature() {
        let error = "cuda:1".parse::<Device>().unwrap_err();
        assert!(
            error.to_string().contains("--features act-nn/cuda"),
            "{error}"
        );
        assert_eq!(error.kind(), act_core::ErrorKind::Usage);
    }
}
