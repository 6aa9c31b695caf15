//! Configurations, recipes and what Make passes on: no key without effect.
