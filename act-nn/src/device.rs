//! Which backend computes for which [`Device`].
//!
//! The only module that names the backends' instantiations; what a build lacks is said by the
//! name of the cargo feature that brings it.

use act_core::{Device, Error, Result};

/// The device, if this build has its backend.
///
/// # Errors
/// Usage: it has not; the message names the cargo feature.
pub fn available(device: Device) -> Result<Device> {
    let there = match device {
        Device::NdArray => cfg!(feature = "ndarray"),
        Device::Flex => cfg!(feature = "flex"),
        Device::Cuda(_) => cfg!(feature = "cuda"),
        Device::Vulkan => cfg!(feature = "vulkan"),
    };
    if there {
        Ok(device)
    } else {
        Err(missing(device))
    }
}

/// True if mixed precision has an effect on it.
pub fn mixes_precision(device: Device) -> bool {
    matches!(device, Device::Cuda(_) | Device::Flex)
}

pub(crate) fn missing(device: Device) -> Error {
    let feature = match device {
        Device::NdArray => "ndarray",
        Device::Flex => "flex",
        Device::Cuda(_) => "cuda",
        Device::Vulkan => "vulkan",
    };
    Error::usage(format!(
        "device {feature} is not compiled in: build with `cargo build --release --features \
         act-nn/{feature}`, or run make with DEVICE={feature}"
    ))
}

/// Calls a generic function with the device's backend: `f::<Backend>(&device, arguments…)`.
macro_rules! dispatch {
    ($device:expr, $function:ident ( $($argument:expr),* $(,)? )) => {
        match $device {
            #[cfg(feature = "ndarray")]
            act_core::Device::NdArray => {
                $function::<burn::backend::NdArray>(&Default::default(), $($argument),*)
            }
            #[cfg(feature = "flex")]
            act_core::Device::Flex => {
                $function::<burn::backend::Flex>(&Default::default(), $($argument),*)
            }
            #[cfg(feature = "cuda")]
            act_core::Device::Cuda(index) => {
                let device = $crate::device::usable::<burn::backend::Cuda>(
                    burn::backend::cuda::CudaDevice::new(index),
                    &format!("cuda:{index}"),
                    "a GPU needs its driver and NVRTC",
                )?;
                $function::<burn::backend::Cuda>(&device, $($argument),*)
            }
            #[cfg(feature = "vulkan")]
            act_core::Device::Vulkan => {
                let device = $crate::device::usable::<burn::backend::Vulkan>(
                    Default::default(),
                    "vulkan",
                    "it needs a Vulkan driver",
                )?;
                $function::<burn::backend::Vulkan>(&device, $($argument),*)
            }
            #[allow(unreachable_patterns)]
            device => Err($crate::device::missing(device)),
        }
    };
}
pub(crate) use dispatch;

/// burn's successor of ndarray runs the ordinary bodies of [`crate::backend::Ops`].
#[cfg(feature = "flex")]
mod flex {
    use burn::backend::{Autodiff, Flex};

    use crate::backend::{ActBackend, Ops};
    use crate::quantize::ops::QuantizeOps;

    impl QuantizeOps for Flex {}
    impl QuantizeOps for Autodiff<Flex> {}
    impl Ops for Flex {}
    impl Ops for Autodiff<Flex> {}
    impl ActBackend for Flex {
        type Graph = Autodiff<Flex>;
        const THREADS: bool = true;
        const MICRO_BATCH: usize = 8;
        const MIXED: bool = true;
    }
}

/// The GPU, after a first computation on it: a missing driver or GPU panics inside the bindings (on
/// a thread of theirs), which becomes one line here.
#[cfg(feature = "gpu")]
pub(crate) fn usable<B: burn::tensor::backend::Backend>(
    device: B::Device,
    name: &str,
    needs: &str,
) -> Result<B::Device> {
    use std::sync::{Arc, Mutex, PoisonError};

    crate::gpu::kept::keep_kernels();
    let first_panic = Arc::new(Mutex::new(None));
    let note = first_panic.clone();
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        // What follows is a list of forty file names, or of what was looked for.
        let text = info
            .payload_as_str()
            .and_then(|text| text.split(['\n', '-', '.']).next());
        let mut first = note.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| text.unwrap_or("it panics").trim().to_string());
    }));
    let probe = std::panic::AssertUnwindSafe(|| {
        burn::tensor::Tensor::<B, 1>::ones([1], &device).into_data();
    });
    let probed = std::panic::catch_unwind(probe);
    std::panic::set_hook(hook);
    if probed.is_ok() {
        return Ok(device);
    }
    let first = first_panic.lock().unwrap_or_else(PoisonError::into_inner);
    let why = first.as_deref().unwrap_or("unknown cause");
    Err(Error::usage(format!(
        "device {name} cannot be used: {why} ({needs})"
    )))
}

#[cfg(all(test, not(feature = "cuda")))]
mod tests {
    use super::*;

    #[test]
    fn a_missing_device_names_its_feature() {
        let error = available(Device::Cuda(1)).unwrap_err();
        assert!(
            error.to_string().contains("--features act-nn/cuda"),
            "{error}"
        );
        assert_eq!(error.kind(), act_core::ErrorKind::Usage);
    }
}
