//! How long something takes, honestly: warm-up thrown away, contestants interleaved round by round
//! so that a busy machine hurts all alike, order turned about every round, and no claim without
//! its spread. Knows nothing of models; the clock is a parameter, so tests need none.

use std::fmt;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use act_core::{Progress, Result};

/// Something that tells the time since some fixed moment.
pub trait Clock {
    /// Now.
    fn now(&mut self) -> Duration;
}

/// The machine's monotonic clock.
pub struct Monotonic(Instant);

impl Monotonic {
    /// Starts at zero.
    pub fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for Monotonic {
    fn now(&mut self) -> Duration {
        self.0.elapsed()
    }
}

/// When to stop measuring.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Time for one setting, all contestants together; at least [`Budget::MIN_ROUNDS`] are run.
    pub time: Duration,
    /// Exactly this many rounds instead.
    pub rounds: Option<usize>,
}

impl Budget {
    /// Fewer rounds give no median worth the name.
    pub const MIN_ROUNDS: usize = 5;
    /// What [`interleave`] advances its progress by, all in all.
    pub const UNITS: usize = 100;
    /// More rounds tell nothing new.
    const MAX_ROUNDS: usize = 2000;
    /// Rounds that bring pages, caches and clocks up, and are not counted.
    const WARM_UP: usize = 1;

    fn spent(&self, rounds: usize, elapsed: Duration) -> bool {
        match self.rounds {
            Some(wanted) => rounds >= wanted,
            None => {
                rounds >= Self::MAX_ROUNDS || (rounds >= Self::MIN_ROUNDS && elapsed >= self.time)
            }
        }
    }

    /// How much of it is spent, in [`Budget::UNITS`].
    fn units(&self, rounds: usize, elapsed: Duration) -> usize {
        let share = |done: f64, of: f64| if done < of { done / of } else { 1.0 };
        let of_rounds = |wanted: usize| share(rounds as f64, wanted as f64);
        let share = match self.rounds {
            Some(wanted) => of_rounds(wanted),
            None => {
                let of_time = share(elapsed.as_secs_f64(), self.time.as_secs_f64());
                of_time.min(of_rounds(Self::MIN_ROUNDS))
            }
        };
        (share * Self::UNITS as f64) as usize
    }
}

/// Runs `contestants` in turn, round by round, until the budget is spent; returns the times of
/// each, round by round. `run(contestant, round)` does the work; `progress` advances by
/// [`Budget::UNITS`] in all and is asked between rounds whether to go on.
///
/// # Errors
/// Interrupted; those of `run`.
pub fn interleave(
    contestants: usize,
    budget: &Budget,
    clock: &mut dyn Clock,
    progress: &dyn Progress,
    run: &mut dyn FnMut(usize, usize) -> Result<()>,
) -> Result<Vec<Vec<Duration>>> {
    for round in 0..Budget::WARM_UP {
        for contestant in 0..contestants {
            progress.advance(0)?;
            run(contestant, round)?;
        }
    }
    let mut times = vec![Vec::new(); contestants];
    let start = clock.now();
    let (mut round, mut told) = (0, 0);
    loop {
        let elapsed = clock.now().saturating_sub(start);
        if budget.spent(round, elapsed) {
            break;
        }
        let done = budget.units(round, elapsed);
        progress.advance(done - told)?;
        told = done;
        for turn in 0..contestants {
            // Whoever runs second finds the caches as the first left them; take turns at that.
            let contestant = if round % 2 == 0 {
                turn
            } else {
                contestants - 1 - turn
            };
            let before = clock.now();
            run(contestant, round)?;
            times[contestant].push(clock.now().saturating_sub(before));
        }
        round += 1;
    }
    progress.advance(Budget::UNITS - told)?;
    Ok(times)
}

/// Median and high percentiles (nearest rank) of times, in milliseconds; zero without times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Milliseconds {
    /// Half of the times are shorter.
    pub median: f64,
    /// 95 % are no longer.
    pub p95: f64,
    /// 99 % are no longer.
    pub p99: f64,
}

impl Milliseconds {
    /// Of some times, in any order.
    pub fn of(times: &[Duration]) -> Self {
        let ms = sorted(times.iter().map(|t| t.as_secs_f64() * 1e3));
        Self {
            median: median(&ms),
            p95: percentile(&ms, 0.95),
            p99: percentile(&ms, 0.99),
        }
    }
}

/// How much faster one contestant is than another, from times of the same rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// Median over rounds of `reference time / model time`; above 1: the model is faster.
    pub median: f64,
    /// Smallest of the rounds.
    #[serde(default)]
    pub min: f64,
    /// Largest of the rounds.
    #[serde(default)]
    pub max: f64,
    /// 5th percentile of the rounds.
    #[serde(default)]
    pub p5: f64,
    /// 95th percentile of the rounds.
    #[serde(default)]
    pub p95: f64,
    /// Number of rounds.
    #[serde(default)]
    pub rounds: usize,
}

impl Ratio {
    /// Ratios round by round, then their median: what slows a whole round cancels out.
    pub fn new(reference: &[Duration], model: &[Duration]) -> Self {
        const TICK: f64 = 1e-9;
        let ratios = sorted(
            reference
                .iter()
                .zip(model)
                .map(|(r, m)| r.as_secs_f64().max(TICK) / m.as_secs_f64().max(TICK)),
        );
        Self {
            median: median(&ratios),
            min: ratios.first().copied().unwrap_or(0.0),
            max: ratios.last().copied().unwrap_or(0.0),
            p5: percentile(&ratios, 0.05),
            p95: percentile(&ratios, 0.95),
            rounds: ratios.len(),
        }
    }
}

impl Ratio {
    /// Of a quiet machine the 95th percentile of the rounds lies a few per cent above the 5th. Where it lies
    /// half as high again, something else ran: the median is then chance more than measurement.
    pub const STEADY: f64 = 1.5;

    /// True if the rounds lie too far apart for their median to be believed.
    pub fn is_unsteady(&self) -> bool {
        self.rounds > 1 && self.p95 > Self::STEADY * self.p5
    }
}

/// `2.91x (2.80 .. 3.05)`: the median, and the 5th and 95th percentile of the rounds; the extremes
/// of a thousand rounds would tell of the machine's worst moments only.
impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}x ({:.2} .. {:.2})", self.median, self.p5, self.p95)
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut all: Vec<f64> = values.collect();
    all.sort_by(f64::total_cmp);
    all
}

fn median(sorted: &[f64]) -> f64 {
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}

/// Nearest-rank percentile: the smallest value that at least `share` of all do not exceed.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use act_core::{Error, Silent};

    use super::*;

    /// Counts what is done, and says stop once that is `limit`.
    struct Counted {
        done: Cell<usize>,
        limit: usize,
    }

    impl Progress for Counted {
        fn begin(&self, _what: &str, _total: usize) {}

        fn advance(&self, units: usize) -> Result<()> {
            self.done.set(self.done.get() + units);
            if self.done.get() < self.limit {
                return Ok(());
            }
            Err(Error::interrupted())
        }

        fn say(&self, _words: &str) {}
    }

    /// Time passes only when somebody works.
    struct Fake<'a>(&'a Cell<Duration>);

    impl Clock for Fake<'_> {
        fn now(&mut self) -> Duration {
            self.0.get()
        }
    }

    const MS: Duration = Duration::from_millis(1);

    /// Two contestants of 30 and 10 ms, the second three times as slow in round 3.
    fn race(budget: Budget) -> (Vec<Vec<Duration>>, Vec<(usize, usize)>) {
        let now = Cell::new(Duration::ZERO);
        let mut order = Vec::new();
        let times = interleave(2, &budget, &mut Fake(&now), &Silent, &mut |who, round| {
            let cost = if who == 0 { 30 } else { 10 };
            let slow = if who == 1 && round == 3 { 3 } else { 1 };
            now.set(now.get() + MS * cost * slow);
            order.push((who, round));
            Ok(())
        })
        .unwrap();
        (times, order)
    }

    #[test]
    fn contestants_take_turns_after_a_warm_up() {
        let (times, order) = race(Budget {
            time: Duration::ZERO,
            rounds: Some(3),
        });
        assert_eq!(
            order,
            [
                (0, 0),
                (1, 0),
                (0, 0),
                (1, 0),
                (1, 1),
                (0, 1),
                (0, 2),
                (1, 2)
            ]
        );
        assert_eq!(times, [vec![30 * MS; 3], vec![10 * MS; 3]]);
    }

    #[test]
    fn the_budget_bounds_the_time_but_not_below_the_minimum() {
        let rounds = |ms| {
            race(Budget {
                time: MS * ms,
                rounds: None,
            })
            .0[0]
                .len()
        };
        assert_eq!(rounds(0), Budget::MIN_ROUNDS);
        assert_eq!(rounds(400), 10);
    }

    #[test]
    fn one_slow_round_moves_the_spread_and_not_the_ratio() {
        let (times, _) = race(Budget {
            time: Duration::ZERO,
            rounds: Some(5),
        });
        let ratio = Ratio::new(&times[0], &times[1]);
        assert_eq!(
            (ratio.median, ratio.min, ratio.max, ratio.rounds),
            (3.0, 1.0, 3.0, 5)
        );
    }

    #[test]
    fn percentiles_are_those_of_the_nearest_rank() {
        let times: Vec<Duration> = (1..=20).rev().map(|i| MS * i).collect();
        let ms = |times: &[Duration]| {
            let Milliseconds { median, p95, p99 } = Milliseconds::of(times);
            [median, p95, p99]
        };
        assert_eq!(ms(&times), [10.5, 19.0, 20.0]);
        assert_eq!(ms(&times[..1]), [20.0; 3]);
        assert_eq!(ms(&[]), [0.0; 3]);
    }

    #[test]
    fn an_interrupt_ends_the_race_and_progress_ends_with_it() {
        let now = Cell::new(Duration::ZERO);
        let budget = Budget {
            time: MS,
            rounds: None,
        };
        let mut run = |_, _| {
            now.set(now.get() + MS);
            Ok(())
        };
        let mut race = |limit| {
            let progress = Counted {
                done: Cell::new(0),
                limit,
            };
            let times = interleave(1, &budget, &mut Fake(&now), &progress, &mut run);
            (times.map(drop), progress.done.get())
        };
        let (stopped, done) = race(50);
        let interrupted = act_core::ErrorKind::Interrupted;
        assert_eq!(stopped.unwrap_err().kind(), interrupted);
        assert_eq!(done, 60, "three of the five rounds");
        let (times, done) = race(Budget::UNITS + 1);
        times.unwrap();
        assert_eq!(done, Budget::UNITS);
    }
}
