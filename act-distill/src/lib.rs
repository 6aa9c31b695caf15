//! Fine-tuning and distillation.
