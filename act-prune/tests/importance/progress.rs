//! What is told on the way: every piece of work ends where it said it would.

use std::cell::RefCell;

use act_core::{Progress, Result};
use act_prune::importance::{compensate, scores};
use act_prune::{Criterion, Measure};

use crate::toy::{all, examples, measure, strongest_part, trained};

/// What each piece of work was called, its units and how many of them were told as done.
#[derive(Default)]
struct Pieces(RefCell<Vec<(String, usize, usize)>>);

impl Progress for Pieces {
    fn begin(&self, what: &str, total: usize) {
        self.0.borrow_mut().push((what.into(), total, 0));
    }

    fn advance(&self, units: usize) -> Result<()> {
        self.0.borrow_mut().last_mut().unwrap().2 += units;
        Ok(())
    }

    fn say(&self, _words: &str) {}
}

#[test]
fn every_piece_of_work_ends_where_it_said() {
    let calibration = examples(3);
    for (criterion, count) in [
        (Criterion::Magnitude, 0),
        (Criterion::FirstOrder, 1),
        (Criterion::Fisher, 3),
        (Criterion::Obs, 2),
    ] {
        let pieces = Pieces::default();
        let measure = Measure {
            progress: &pieces,
            ..measure(&calibration, 2)
        };
        // Blocks that lose nothing, a part and everything.
        let mut kept = strongest_part(2, &scores(criterion, trained(), &measure).unwrap());
        kept[0].clone_from(&all()[0]);
        kept[1].heads.clear();
        kept[2].neurons.clear();
        compensate(criterion, trained(), &kept, &measure).unwrap();
        let pieces = pieces.0.take();
        assert_eq!(pieces.len(), count, "{criterion}: {pieces:?}");
        for (what, total, done) in pieces {
            assert_eq!(done, total, "{criterion}: {what}");
        }
    }
}
