//! What the losses compare inside the teacher, example by example: computed when first asked for
//! and kept where memory allows, otherwise computed again. Values are the same either way.

use std::sync::OnceLock;

use act_core::{Batch, Encoding, Error, Linear, Plan, Result, Site};
use act_infer::{Engine, Observer};
use act_nn::{Comparison, Rows, TeacherFeatures};

/// A teacher's values at the compared sites for some encodings.
pub struct Features<'a> {
    engine: &'a Engine,
    encodings: &'a [Encoding],
    comparisons: Vec<Comparison>,
    /// Columns at each of them.
    widths: Vec<usize>,
    /// Of the first examples, as many as fit into memory: all their values, site after site.
    kept: Vec<OnceLock<Box<[f32]>>>,
}

impl<'a> Features<'a> {
    /// Nothing computed yet; at most `budget` bytes will be kept.
    pub fn new(
        engine: &'a Engine,
        encodings: &'a [Encoding],
        comparisons: Vec<Comparison>,
        budget: u64,
    ) -> Self {
        let plan = engine.plan();
        let widths = comparisons.iter().map(|c| width(plan, c.teacher)).collect();
        let mut features = Self {
            engine,
            encodings,
            comparisons,
            widths,
            kept: Vec::new(),
        };
        let bytes = |encoding| 4 * features.sizes(encoding).sum::<usize>() as u64;
        let (mut fitting, mut taken, mut all) = (0, 0, 0);
        for encoding in encodings {
            all += bytes(encoding);
            if all <= budget {
                (fitting, taken) = (fitting + 1, all);
            }
        }
        let megabytes = |bytes: u64| bytes.div_ceil(1_000_000);
        if fitting == encodings.len() {
            log::info!(
                "the teacher's inner values are kept once computed: at most {} MB",
                megabytes(all)
            );
        } else {
            log::info!(
                "the teacher's inner values would take {} MB: those of {fitting} of {} examples \
                 ({} MB) are kept, the others computed whenever needed (Distillation.cache)",
                megabytes(all),
                encodings.len(),
                megabytes(taken)
            );
        }
        features.kept.resize_with(fitting, OnceLock::new);
        features
    }

    /// Number of values of an example at each site.
    fn sizes(&self, encoding: &Encoding) -> impl Iterator<Item = usize> {
        let tokens = encoding.len();
        let sites = self.comparisons.iter().zip(&self.widths);
        sites.map(move |(comparison, width)| match comparison.rows {
            Rows::All => tokens * width,
            Rows::First => *width,
        })
    }

    /// All values of some examples, computed now.
    fn compute(&self, examples: &[usize]) -> Result<Vec<Box<[f32]>>> {
        if examples.is_empty() {
            return Ok(Vec::new());
        }
        let batch = Batch::new(examples.iter().map(|&i| &self.encodings[i]));
        let mut seen = Seen {
            comparisons: &self.comparisons,
            lengths: &batch.lengths,
            values: vec![Vec::new(); self.comparisons.len()],
        };
        self.engine.forward_observed(&batch, &mut seen)?;
        let mut rest: Vec<&[f32]> = seen.values.iter().map(Vec::as_slice).collect();
        examples
            .iter()
            .map(|&i| self.cut(i, &mut rest))
            .collect::<Result<_>>()
    }

    /// Takes the values of example `i` from the front of every site's.
    fn cut(&self, i: usize, rest: &mut [&[f32]]) -> Result<Box<[f32]>> {
        let mut values = Vec::with_capacity(self.sizes(&self.encodings[i]).sum());
        let sizes = self.sizes(&self.encodings[i]);
        for ((rest, size), comparison) in rest.iter_mut().zip(sizes).zip(&self.comparisons) {
            let site = comparison.teacher;
            let (own, others) = rest.split_at_checked(size).ok_or_else(|| {
                Error::failed(format!("the teacher's pass did not come through {site}"))
            })?;
            if !own.iter().all(|v| v.is_finite()) {
                return Err(Error::rejected(format!(
                    "the teacher's {site} is not finite for training example {i}"
                )));
            }
            values.extend_from_slice(own);
            *rest = others;
        }
        Ok(values.into())
    }
}

impl TeacherFeatures for Features<'_> {
    fn values(&self, examples: &[usize]) -> Result<Vec<Vec<f32>>> {
        let kept = |i: usize| self.kept.get(i).and_then(OnceLock::get);
        let missing: Vec<usize> = examples
            .iter()
            .copied()
            .filter(|&i| kept(i).is_none())
            .collect();
        let computed = self.compute(&missing)?;
        let mut values = vec![Vec::new(); self.comparisons.len()];
        let mut fresh = missing.iter().zip(&computed).peekable();
        for &i in examples {
            let own = match fresh.next_if(|(of, _)| **of == i) {
                Some((_, own)) => own,
                // Not missing above, and nothing kept is ever dropped.
                None => match kept(i) {
                    Some(own) => own,
                    None => continue,
                },
            };
            let mut start = 0;
            for (values, size) in values.iter_mut().zip(self.sizes(&self.encodings[i])) {
                values.extend_from_slice(&own[start..start + size]);
                start += size;
            }
        }
        for (i, own) in missing.into_iter().zip(computed) {
            if let Some(place) = self.kept.get(i) {
                // Another thread may have been first, with the same values.
                let _ = place.set(own);
            }
        }
        Ok(values)
    }
}

/// Columns at a site that losses compare.
fn width(plan: &Plan, site: Site) -> usize {
    match site {
        Site::Projection(Linear::Query(l) | Linear::Key(l) | Linear::Value(l)) => {
            plan.layers[l].attention_width()
        }
        _ => plan.hidden_size,
    }
}

/// Takes what is wanted of one pass.
struct Seen<'a> {
    comparisons: &'a [Comparison],
    lengths: &'a [usize],
    values: Vec<Vec<f32>>,
}

impl Observer for Seen<'_> {
    fn observe(&mut self, site: Site, values: &[f32], columns: usize) {
        let tokens: usize = self.lengths.iter().sum();
        for (comparison, out) in self.comparisons.iter().zip(&mut self.values) {
            if comparison.teacher != site {
                continue;
            }
            if comparison.rows == Rows::First && values.len() == tokens * columns {
                let mut start = 0;
                for length in self.lengths {
                    out.extend_from_slice(&values[start * columns..][..columns]);
                    start += length;
                }
            } else {
                out.extend_from_slice(values);
            }
        }
    }
}
