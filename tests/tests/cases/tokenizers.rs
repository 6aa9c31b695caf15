//! Tokenizers: ids as the folder means them, or a refusal by name.
