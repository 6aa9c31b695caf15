//! Texts to ids: vocabularies with their rules, and whole `tokenizer.json` files.

mod json;
mod words;
