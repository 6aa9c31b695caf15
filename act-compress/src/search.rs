//! Which speed-ups are tried, and which of them become finalists. Knows no model: what a try says comes from
//! whoever makes it.

/// Speed-ups are powers of the fourth root of two: 1 at step 0, 2 at step 4, 16 at the last.
pub const LAST: usize = 16;
/// Where the search begins, and how far it leaps as long as everything fits.
const LEAP: usize = 4;
/// Tries at most. Five are usual: two leaps, and what lies between them halved twice.
pub const MOST_TRIES: usize = 7;
/// Finalists at most; the judge's confidence is shared between as many.
pub const FINALISTS: usize = 3;

/// The speed-up of a step.
pub fn speedup(step: usize) -> f64 {
    2f64.powf(step as f64 / LEAP as f64)
}

/// What a try has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The promise is likely kept.
    Fits,
    /// It is likely not.
    Misses,
    /// No network is so fast, or none that is can be trained.
    Unreachable,
    /// There is no time for it.
    NoTime,
}

/// What the search has found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// Steps that fit, rising; step 0, the base quantised, is not tried and not among them.
    pub fits: Vec<usize>,
    /// Steps that were trained and missed.
    pub misses: Vec<usize>,
}

impl Found {
    /// The fastest step that fits; 0 if none does.
    pub fn fastest(&self) -> usize {
        self.fits.last().copied().unwrap_or(0)
    }

    /// The next faster that was trained, which missed while its training was short.
    pub fn faster(&self) -> Option<usize> {
        let fastest = self.fastest();
        self.misses.iter().copied().filter(|&s| s > fastest).min()
    }

    /// The next slower that fits, or the base quantised; `None` if the fastest is that itself.
    pub fn slower(&self) -> Option<usize> {
        match self.fits.as_slice() {
            [] => None,
            [.., slower, _] => Some(*slower),
            [_] => Some(0),
        }
    }
}

/// Leaps until something misses, then halves what lies between. `attempt` is given a step and the fastest
/// slower one that fits, whose student it starts from.
///
/// # Errors
/// Those of `attempt`.
pub fn search<E>(
    attempt: &mut dyn FnMut(usize, Option<usize>) -> Result<Outcome, E>,
) -> Result<Found, E> {
    let mut found = Found::default();
    let mut beyond = LAST + 1;
    for _ in 0..MOST_TRIES {
        let fits = found.fastest();
        let step = match beyond {
            beyond if beyond > LAST => (fits + LEAP).min(LAST),
            beyond => (fits + beyond) / 2,
        };
        if step <= fits {
            break;
        }
        match attempt(step, found.fits.last().copied())? {
            Outcome::Fits => found.fits.push(step),
            Outcome::Misses => {
                found.misses.push(step);
                beyond = step;
            }
            Outcome::Unreachable => beyond = step,
            Outcome::NoTime => break,
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches where steps up to `last` fit and those from `wall` on cannot be reached; what was tried.
    fn searched(last: usize, wall: usize) -> (Found, Vec<usize>) {
        let mut tried = Vec::new();
        let found = search::<()>(&mut |step, warm| {
            assert!(warm.is_none_or(|warm| warm < step && warm <= last));
            tried.push(step);
            Ok(match step {
                step if step >= wall => Outcome::Unreachable,
                step if step <= last => Outcome::Fits,
                _ => Outcome::Misses,
            })
        });
        (found.unwrap(), tried)
    }

    #[test]
    fn the_fastest_that_fits_is_found_wherever_it_is() {
        for last in 0..=LAST {
            let (found, tried) = searched(last, LAST + 1);
            assert_eq!(found.fastest(), last, "{tried:?}");
            assert!(tried.len() <= MOST_TRIES, "{tried:?}");
            assert!(found.faster().is_none_or(|faster| faster == last + 1));
            assert_eq!(found.slower().is_none(), last == 0);
        }
    }

    #[test]
    fn what_cannot_be_reached_is_no_finalist() {
        let (found, tried) = searched(16, 6);
        assert_eq!(found.fastest(), 5, "{tried:?}");
        assert_eq!((found.faster(), found.slower()), (None, Some(4)));
        let (found, _) = searched(0, 1);
        assert_eq!((found.fastest(), found.slower()), (0, None));
    }

    #[test]
    fn without_time_what_was_found_stays() {
        let mut left = 1;
        let found = search::<()>(&mut |_, _| {
            left -= 1;
            Ok(if left >= 0 {
                Outcome::Fits
            } else {
                Outcome::NoTime
            })
        });
        assert_eq!(found.unwrap().fits, [4]);
    }

    #[test]
    fn steps_are_speed_ups() {
        assert_eq!([0, 4, 8, 16].map(speedup), [1.0, 2.0, 4.0, 16.0]);
    }
}
