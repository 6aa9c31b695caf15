//! What is broken off goes on, and what is another run's does not.

use act_core::{Error, ErrorKind, Result};
use act_nn::checkpoint::{Keeper, Resumed, Snapshot, TensorSet};
use act_nn::{InputSteps, TrainEvent, TrainOptions, WeightSteps};

use crate::{LEARNED, exported, options, run, train};

/// Keeps a run in memory.
#[derive(Default)]
struct Memory(Option<Resumed>);

impl Keeper for Memory {
    fn resume(&mut self, fits: &dyn Fn(&Resumed) -> Result<()>) -> Option<Resumed> {
        self.0.take().filter(|kept| fits(kept).is_ok())
    }

    fn due(&mut self, _: usize) -> bool {
        false
    }

    fn save(&mut self, snapshot: &Snapshot<'_>) {
        let position = *snapshot.position;
        let moments = 0..snapshot.moments;
        self.0 = Some(Resumed {
            position,
            journal: snapshot.journal.clone(),
            weights: (snapshot.tensors)(TensorSet::Weights),
            moments: moments
                .map(|i| (snapshot.tensors)(TensorSet::Moment(i)))
                .collect(),
            best: position.best.map(|_| (snapshot.tensors)(TensorSet::Best)),
            steps: snapshot.steps.to_vec(),
        });
    }
}

#[test]
fn a_run_that_is_broken_off_after_every_step_ends_in_the_same_bits() {
    const STEPS: usize = 8;
    let options = TrainOptions {
        max_steps: Some(STEPS),
        ..options()
    };
    for how in [
        LEARNED,
        (
            WeightSteps::RowPeak,
            InputSteps::MovingAverage { rate: 0.9 },
        ),
        (WeightSteps::Learned, InputSteps::Largest),
    ] {
        let (whole, _) = run(&options, how);
        let mut memory = Memory::default();
        let mut go_on = |done| {
            train(&options, how, &mut memory, &mut |event, _| match event {
                TrainEvent::Begin { step, .. } => {
                    assert_eq!(*step, done);
                    Ok(())
                }
                TrainEvent::Step { step, .. } if *step < STEPS => Err(Error::interrupted()),
                _ => Ok(()),
            })
        };
        for done in 0..STEPS - 1 {
            let stopped = go_on(done).map(drop).unwrap_err();
            assert_eq!(stopped.kind(), ErrorKind::Interrupted);
        }
        let broken = go_on(STEPS - 1).unwrap();
        assert_eq!(broken.course.steps, STEPS);
        assert_eq!(broken.course.best_step, whole.course.best_step);
        assert_eq!(broken.course.journal, whole.course.journal, "{how:?}");
        assert_eq!(broken.quantization, whole.quantization, "{how:?}");
        let digest = |trained| exported(trained).model_digest().unwrap();
        assert_eq!(digest(&broken), digest(&whole), "{how:?}");
    }
}

/// A keeper whose state has other steps, and which asks whether it fits.
struct OtherSteps(Memory, fn(&mut Vec<f64>), Option<String>);

impl Keeper for OtherSteps {
    fn resume(&mut self, fits: &dyn Fn(&Resumed) -> Result<()>) -> Option<Resumed> {
        let Self(Memory(kept), change, refused) = self;
        let mut state = kept.take()?;
        change(&mut state.steps);
        *refused = fits(&state).err().map(|e| e.to_string());
        refused.is_none().then_some(state)
    }

    fn due(&mut self, step: usize) -> bool {
        self.0.due(step)
    }

    fn save(&mut self, snapshot: &Snapshot<'_>) {
        self.0.save(snapshot);
    }
}

#[test]
fn other_steps_than_those_of_the_run_begin_anew() {
    let options = TrainOptions {
        max_steps: Some(4),
        ..options()
    };
    let changes: [fn(&mut Vec<f64>); 4] = [
        |steps| steps.truncate(steps.len() - 1),
        |steps| steps.push(1.0),
        |steps| steps[0] = f64::NAN,
        |steps| steps[0] = 1e300,
    ];
    for change in changes {
        let mut memory = OtherSteps(Memory::default(), change, None);
        let broken = train(
            &options,
            LEARNED,
            &mut memory,
            &mut |event, _| match event {
                TrainEvent::Step { step: 2, .. } => Err(Error::interrupted()),
                _ => Ok(()),
            },
        );
        assert!(broken.is_err());
        let mut begun = None;
        let trained = train(&options, LEARNED, &mut memory, &mut |event, _| {
            if let TrainEvent::Begin { step, .. } = event {
                begun = Some(*step);
            }
            Ok(())
        });
        assert_eq!(begun, Some(0));
        assert_eq!(trained.unwrap().course.steps, 4);
        let refused = memory.2.expect("it does not fit");
        assert!(refused.contains("quantisation's steps"), "{refused}");
    }
}
