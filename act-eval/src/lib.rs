//! Truth: accuracy with intervals, measured latency, reports, prediction, gates.
