//! Int8 quantisation: calibration and weights.
