//! What the subcommands' arguments have in common: checked numbers and names of splits.

use act_data::Split;

/// `train`, `dev` or `test`.
pub fn split(text: &str) -> Result<Split, String> {
    match text {
        "train" => Ok(Split::Train),
        "dev" => Ok(Split::Dev),
        "test" => Ok(Split::Test),
        _ => Err("one of train, dev, test".into()),
    }
}

/// A whole number from 1 on.
pub fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if n >= 1 => Ok(n),
        _ => Err("a whole number from 1 on".into()),
    }
}

/// A number of seconds from 0 to a day.
pub fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(s) if (0.0..=86_400.0).contains(&s) => Ok(s),
        _ => Err("a number of seconds, 0 to 86400".into()),
    }
}

/// A finite number from 0 on.
pub fn not_negative(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(x) if x.is_finite() && x >= 0.0 => Ok(x),
        _ => Err("a number from 0 on".into()),
    }
}
