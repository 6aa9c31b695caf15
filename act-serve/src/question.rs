//! What `POST /classify` takes: `{"texts": [..]}` or `{"pairs": [[a, b], ..]}`.

use serde::Deserialize;

use crate::desk::Text;
use crate::failure::Failure;

/// The JSON.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Which model, by its name.
    pub model: Option<String>,
    texts: Option<Vec<String>>,
    pairs: Option<Vec<(String, String)>>,
}

impl Question {
    /// From a body.
    ///
    /// # Errors
    /// 400: it is no such JSON.
    pub fn parse(body: &[u8]) -> Result<Self, Failure> {
        serde_json::from_slice(body).map_err(|e| Failure::refused(e.to_string()))
    }

    /// What is asked.
    ///
    /// # Errors
    /// 400: neither texts nor pairs, or both.
    pub fn texts(self) -> Result<Vec<Text>, Failure> {
        match (self.texts, self.pairs) {
            (Some(texts), None) => Ok(texts.into_iter().map(|text| (text, None)).collect()),
            (None, Some(pairs)) => Ok(pairs.into_iter().map(|(a, b)| (a, Some(b))).collect()),
            _ => Err(Failure::refused("give either \"texts\" or \"pairs\"")),
        }
    }
}
