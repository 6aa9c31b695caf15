//! What a configuration says of the model, held against the model itself.

use super::document::Config;
use act_core::artifact::Artifact;
use act_core::error::Result;

impl Config {
    /// Checks that the configuration and the model that a stage reads are for the same length of text,
    /// and warns if they name different tasks: what counts in a stage is the model's.
    ///
    /// # Errors
    /// Usage: another `Global.max_seq_length`. Texts are cut at the model's, whatever is asked for.
    pub fn check_model(&self, model: &Artifact) -> Result<()> {
        const LENGTH: &str = "Global.max_seq_length";
        const TASK: &str = "Global.task_name";
        let (global, task) = (&self.global, &model.task);
        if let Some(name) = &global.task_name
            && *name != task.name
        {
            let text = format!(
                "{TASK} is {name:?}, and the model was made for {:?}, which is what counts",
                task.name
            );
            log::warn!("{}", self.places.told(TASK, &text));
        }
        let has = task.max_seq_length;
        match global.max_seq_length {
            Some(wanted) if wanted != has => Err(self.places.mistake(
                LENGTH,
                &format!(
                    "{LENGTH} is {wanted}, and the model cuts texts at {has} tokens: the length is the \
                     model's, given to act-convert import or act-convert new (--max-seq-length \
                     {wanted}, or -c with this key); make the model so, or write {has}"
                ),
            )),
            _ => Ok(()),
        }
    }
}
