//! One training session: teacher, objective, judge, checkpoints, journal, narration. What act-distill
//! and act-quant train with.
