//! Foreign formats in and out; the only place that parses foreign model bytes.
