//! Where training computes, by name. Which of these a build has is act-nn's to say.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// Where to train and to score importance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// The processor, on burn's ndarray backend with act-nn's own kernels.
    NdArray,
    /// The processor, on burn's flex backend.
    Flex,
    /// A CUDA GPU, counted from 0.
    Cuda(usize),
    /// A GPU, or a processor that plays one, by way of Vulkan.
    Vulkan,
}

impl FromStr for Device {
    type Err = Error;

    /// `cpu` or `ndarray`, which are one, `flex`, `cuda` (the first GPU), `cuda:N` or `vulkan`.
    fn from_str(name: &str) -> Result<Self> {
        let gpu = name.strip_prefix("cuda:").and_then(|n| n.parse().ok());
        match (name, gpu) {
            ("cpu" | "ndarray", _) => Ok(Device::NdArray),
            ("flex", _) => Ok(Device::Flex),
            ("cuda", _) => Ok(Device::Cuda(0)),
            ("vulkan", _) => Ok(Device::Vulkan),
            (_, Some(n)) => Ok(Device::Cuda(n)),
            (_, None) => Err(Error::usage(format!(
                "no device is called {name:?}: write cpu, ndarray, flex, cuda, cuda:N or vulkan"
            ))),
        }
    }
}

/// The name that is recorded; each device has one, however it was asked for.
impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::NdArray => f.write_str("cpu"),
            Device::Flex => f.write_str("flex"),
            Device::Cuda(0) => f.write_str("cuda"),
            Device::Cuda(n) => write!(f, "cuda:{n}"),
            Device::Vulkan => f.write_str("vulkan"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_one_recorded_name() {
        let recorded = |asked: &str| asked.parse::<Device>().unwrap().to_string();
        for (asked, name) in [
            ("cpu", "cpu"),
            ("ndarray", "cpu"),
            ("flex", "flex"),
            ("cuda", "cuda"),
            ("cuda:0", "cuda"),
            ("cuda:2", "cuda:2"),
            ("vulkan", "vulkan"),
        ] {
            assert_eq!(recorded(asked), name);
            assert_eq!(recorded(name), name);
        }
    }

    #[test]
    fn what_is_no_device_is_told_those_there_are() {
        for bad in ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "CPU"] {
            let error = bad.parse::<Device>().unwrap_err();
            assert!(error.to_string().contains("no device is called"), "{bad}");
        }
    }
}
