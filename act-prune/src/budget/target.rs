//! What is promised: a speed-up, a time, a share of the parameters or a file size.

use std::fmt;

/// What a pruned model is to keep. Costs are lower the better; each target has its unit of cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PruningTarget {
    /// So many times faster than the reference at the same precision.
    Speedup(f64),
    /// Milliseconds a sequence.
    Latency(f64),
    /// Share of the reference's parameters, embeddings included.
    Parameters(f64),
    /// Bytes of the file.
    Bytes(u64),
}

impl PruningTarget {
    /// The cost that keeps it, where the reference costs `reference`.
    pub fn limit(self, reference: f64) -> f64 {
        match self {
            Self::Speedup(times) => reference / times,
            Self::Latency(ms) => ms,
            Self::Parameters(share) => reference * share,
            Self::Bytes(bytes) => bytes as f64,
        }
    }

    /// The target that a network of this cost keeps.
    pub fn kept_by(self, cost: f64, reference: f64) -> Self {
        match self {
            Self::Speedup(_) => Self::Speedup(reference / cost.max(f64::MIN_POSITIVE)),
            Self::Latency(_) => Self::Latency(cost),
            Self::Parameters(_) => Self::Parameters(cost / reference),
            Self::Bytes(_) => Self::Bytes(cost.ceil() as u64),
        }
    }

    /// The number alone.
    pub fn value(self) -> f64 {
        match self {
            Self::Speedup(v) | Self::Latency(v) | Self::Parameters(v) => v,
            Self::Bytes(bytes) => bytes as f64,
        }
    }

    /// Rounded to what can be typed, to the side that is easier to keep.
    pub fn rounded(self) -> Self {
        match self {
            Self::Speedup(times) => Self::Speedup((times * 100.0).floor() / 100.0),
            Self::Latency(ms) => Self::Latency((ms * 1000.0).ceil() / 1000.0),
            Self::Parameters(share) => Self::Parameters((share * 1000.0).ceil() / 1000.0),
            Self::Bytes(bytes) => Self::Bytes(bytes.div_ceil(1000) * 1000),
        }
    }
}

/// `a speed-up of 3x`, `a budget of 8 ms`, `50 % of the parameters`, `a file of 20.0 MB`
impl fmt::Display for PruningTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Speedup(times) => write!(f, "a speed-up of {times}x"),
            Self::Latency(ms) => write!(f, "a budget of {ms} ms a sequence"),
            Self::Parameters(share) => {
                write!(f, "{} % of the parameters", (share * 1e3).round() / 10.0)
            }
            Self::Bytes(bytes) if *bytes < 1_000_000 => {
                write!(f, "a file of {} kB", *bytes as f64 / 1e3)
            }
            Self::Bytes(bytes) => write!(f, "a file of {} MB", *bytes as f64 / 1e6),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_and_what_keeps_them_agree() {
        let targets = [
            PruningTarget::Speedup(4.0),
            PruningTarget::Latency(2.5),
            PruningTarget::Parameters(0.25),
            PruningTarget::Bytes(3),
        ];
        for target in targets {
            let limit = target.limit(12.0);
            assert_eq!(target.kept_by(limit, 12.0), target);
            let rounded = target.kept_by(limit * 1.0001, 12.0).rounded();
            assert!(rounded.limit(12.0) >= limit, "{rounded}");
        }
        assert_eq!(PruningTarget::Speedup(4.0).limit(12.0), 3.0);
        assert_eq!(PruningTarget::Parameters(0.25).limit(12.0), 3.0);
    }
}
