//! A training from its first step, or its checkpoint, to its last, with everything around it.

use act_core::{Progress, Result};
use act_nn::checkpoint::Unkept;
use act_nn::{Device, Journal, TrainEvent, Trained, Training};

use crate::checkpoint::Checkpoints;
use crate::metrics::MetricsFile;
use crate::narrator::Narrator;
use crate::score::Scored;

/// Where a stage trains, who keeps the run, and who hears of it.
pub struct Session<'a> {
    /// Where to train.
    pub device: Device,
    /// Hears how far the work has come, and may stop it.
    pub progress: &'a dyn Progress,
    /// Is told the logged steps and evaluations.
    pub metrics: Option<MetricsFile>,
    /// Keep the state of the run.
    pub checkpoints: Option<Checkpoints>,
}

impl<'a> Session<'a> {
    /// On `device`, told to `progress` alone and kept by nobody.
    pub fn new(device: Device, progress: &'a dyn Progress) -> Self {
        Self {
            device,
            progress,
            metrics: None,
            checkpoints: None,
        }
    }

    /// Trains, from the checkpoint of this very training if there is one; tells evaluations as what is
    /// `scored`.
    ///
    /// # Errors
    /// Those of [`act_nn::train()`]. Interrupted: the state is kept.
    pub fn train(&mut self, training: Training<'_>, scored: Scored) -> Result<Trained> {
        let mixed = training.options.mixed_precision && training.quantizing.is_none();
        if mixed && !act_nn::mixes_precision(self.device) {
            log::warn!(
                "TrainConfig.amp_config has no effect on this device: all is computed in f32"
            );
        }
        let mut narrator = Narrator::new(self.progress, self.metrics.as_mut(), scored);
        let mut listener = |event: &TrainEvent, journal: &Journal| narrator.tell(event, journal);
        match &mut self.checkpoints {
            Some(checkpoints) => act_nn::train(self.device, training, checkpoints, &mut listener),
            None => act_nn::train(self.device, training, &mut Unkept, &mut listener),
        }
    }

    /// Removes the checkpoints, once the result is safe.
    pub fn finish(self) {
        if let Some(checkpoints) = self.checkpoints {
            checkpoints.remove();
        }
    }
}
