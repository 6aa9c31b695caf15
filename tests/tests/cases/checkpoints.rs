//! Checkpoints: a folder is the classifier that it says it is, or is refused by name.
