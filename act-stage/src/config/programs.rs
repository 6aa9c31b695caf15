//! Which program reads which keys. A file serves several programs, so that what one of them does not
//! read may stand in it; a `--set` flag is given to one, and is a mistake where it changes nothing.

use super::document::Config;
use super::vocabulary;
use act_core::error::Result;
use act_core::named;

named! {
    /// What reads a configuration.
    pub enum Program {
        /// Makes an untrained model.
        New = "act-convert new",
        /// Imports a model.
        Import = "act-convert import",
        /// Prunes.
        Prune = "act-prune",
        /// Trains.
        Distill = "act-distill",
        /// Calibrates, and trains no weight.
        Calibrate = "act-quant without training",
        /// Calibrates, and trains where calibration loses too much or it is told to.
        Train = "act-quant where it trains (--mode auto or qat, or a section QuantAware)",
    }
}

impl Program {
    /// The sections and keys that it reads. What says of the model what the model knows itself, name
    /// and length, counts: stages compare it.
    fn reads(self) -> &'static [&'static str] {
        match self {
            Program::New => &[
                "Global.task_name",
                "Global.max_seq_length",
                "Global.data_dir",
            ],
            Program::Import => &["Global.task_name", "Global.max_seq_length"],
            Program::Prune => &[
                "Global",
                "Prune",
                "TrainConfig.validation_ratio",
                "TrainConfig.judge_ratio",
                "QuantPost.weight_max",
                "QuantPost.weight_groups",
                "QuantPost.activation_max",
                "QuantPost.embeddings",
                "QuantPost.weight_bits",
                "QuantPost.group_size",
            ],
            Program::Distill => &["Global", "TrainConfig", "Distillation"],
            Program::Calibrate => &[
                "Global.task_name",
                "Global.max_seq_length",
                "Global.data_dir",
                "TrainConfig.validation_ratio",
                "TrainConfig.judge_ratio",
                "TrainConfig.metric",
                "HyperParameterOptimization",
                "QuantPost",
            ],
            Program::Train => &[
                "Global",
                "TrainConfig.epochs",
                "TrainConfig.train_iter",
                "TrainConfig.logging_iter",
                "TrainConfig.learning_rate",
                "TrainConfig.warmup_ratio",
                "TrainConfig.lr_decay",
                "TrainConfig.batch_size",
                "TrainConfig.gradient_accumulation",
                "TrainConfig.micro_batch",
                "TrainConfig.validation_ratio",
                "TrainConfig.judge_ratio",
                "TrainConfig.metric",
                "TrainConfig.seed",
                "TrainConfig.optimizer_builder",
                "Distillation",
                "HyperParameterOptimization",
                "QuantPost",
                "QuantAware",
            ],
        }
    }

    /// True if it reads the key, `Section.key`.
    pub(super) fn read(self, key: &str) -> bool {
        let within = |part: &&str| {
            let rest = key.strip_prefix(*part);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.reads().iter().any(within)
    }
}

/// The keys that `--set` takes in a program, `Section.key`; all of them for the name of another.
pub(crate) fn settable(program: &str) -> Vec<String> {
    let is_it = |known: &Program| {
        let rest = known.name().strip_prefix(program);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    let readers: Vec<Program> = Program::ALL.into_iter().filter(is_it).collect();
    let mut keys = vocabulary::settable();
    keys.retain(|key| readers.is_empty() || readers.iter().any(|program| program.read(key)));
    keys
}

impl Config {
    /// Checks that `program` reads every key that a flag gave.
    ///
    /// # Errors
    /// Usage, naming the flag and who reads its key.
    pub fn check_flags(&self, program: Program) -> Result<()> {
        for key in self.places.of_flags().filter(|key| !program.read(key)) {
            let path: Vec<&str> = key.split('.').collect();
            if vocabulary::without_effect(&path).is_some() {
                continue; // It was told when it was read.
            }
            let others = Program::ALL.into_iter().filter(|other| other.read(key));
            let others: Vec<&str> = others.map(Program::name).collect();
            let text = format!("{program} does not read {key}; {} does", others.join(", "));
            return Err(self.places.mistake(key, &text));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::Section;
    use super::*;

    #[test]
    fn every_part_that_a_program_reads_is_there() {
        for program in Program::ALL {
            for part in program.reads() {
                let (section, key) = part.split_once('.').unwrap_or((part, ""));
                let keys = vocabulary::keys(&[section]).expect(part);
                assert!(key.is_empty() || keys.contains(&key), "{program}: {part}");
            }
        }
    }

    #[test]
    fn a_program_is_offered_the_keys_that_it_reads() {
        let all = settable("act-eval report");
        let of_prune = settable("act-prune");
        assert!(all.contains(&"TrainConfig.optimizer_builder.optimizer.type".into()));
        assert!(!all.contains(&"TrainConfig.optimizer_builder".into()));
        assert!(!all.contains(&"TrainConfig.use_fleet".into()));
        assert!(of_prune.contains(&"Prune.pruned_ratio".into()));
        assert!(!of_prune.contains(&"Distillation.alpha".into()));
        assert!(settable("act-quant").contains(&"QuantAware.epochs".into()));
        assert!(settable("act-convert import").len() < settable("act-convert new").len());
    }

    #[test]
    fn every_key_that_acts_is_read_by_some_program() {
        for section in Section::ALL.map(Section::name) {
            for key in vocabulary::keys(&[section]).unwrap() {
                let read = |program: Program| program.read(&format!("{section}.{key}"));
                let acts = vocabulary::without_effect(&[section, key]).is_none();
                assert!(
                    Program::ALL.into_iter().any(read) || !acts,
                    "{section}.{key}"
                );
            }
        }
    }
}
