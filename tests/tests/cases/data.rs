//! Data files: what is cut, ignored or left out is said.
