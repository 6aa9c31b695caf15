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

/// `a speed-up of 3x`, `a budget of 8 ms`, `50 % of the parameters`, `a file of 20 MB`: as people type
/// them, whatever the last bit of a computed one says.
impl fmt::Display for PruningTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Speedup(times) => write!(f, "a speed-up of {}x", short(*times)),
            Self::Latency(ms) => write!(f, "a budget of {} ms a sequence", short(*ms)),
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

/// The number to four decimals; a time below them as it is.
fn short(value: f64) -> f64 {
    match (value * 1e4).round() / 1e4 {
        0.0 => value,
        rounded => rounded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_computed_target_reads_as_it_was_typed() {
        let told = [
            (PruningTarget::Speedup(1.2), "a speed-up of 1.2x"),
            (PruningTarget::Speedup(3.0), "a speed-up of 3x"),
            (PruningTarget::Speedup(1.15), "a speed-up of 1.15x"),
            (PruningTarget::Latency(0.3), "a budget of 0.3 ms a sequence"),
            (PruningTarget::Latency(1.1), "a budget of 1.1 ms a sequence"),
            (PruningTarget::Parameters(0.7), "70 % of the parameters"),
            (PruningTarget::Bytes(20_000_000), "a file of 20 MB"),
        ];
        for (target, expected) in told {
            for reference in [0.1, 0.7, 1.7, 12.3, 6.02e7] {
                let computed = target.kept_by(target.limit(reference), reference);
                assert_eq!(computed.to_string(), expected);
            }
        }
        let times = 0.3 / 0.25000000000000006;
        assert_ne!(times, 1.2);
        assert_eq!(
            PruningTarget::Speedup(times).to_string(),
            "a speed-up of 1.2x"
        );
        let least = PruningTarget::Latency(2e-6).to_string();
        assert_eq!(least, "a budget of 0.000002 ms a sequence");
    }

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
