//! What a client is told when it gets no answer.

use hyper::StatusCode;
use serde::Serialize;

/// A status, the kind of error in TEI's words, and one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The status.
    pub status: StatusCode,
    /// What went wrong, and what to do.
    pub message: String,
}

/// The JSON of a failure; `error_type` is TEI's.
#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    error_type: &'static str,
}

impl Failure {
    /// With a status of its own.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    /// 400: what was asked cannot be answered.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 413: more than a limit allows.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    }

    /// 429: asked again later it may be answered.
    pub fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, message)
    }

    /// 500: the model or this program.
    pub fn broken(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// 503: the server ends.
    pub fn ending() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "shutting down")
    }

    /// As JSON.
    pub fn json(&self) -> Vec<u8> {
        let error_type = match self.status {
            StatusCode::TOO_MANY_REQUESTS => "Overloaded",
            StatusCode::SERVICE_UNAVAILABLE => "Unhealthy",
            status if status.is_server_error() => "Backend",
            _ => "Validation",
        };
        let body = Body {
            error: &self.message,
            error_type,
        };
        // Two strings cannot fail to be JSON.
        serde_json::to_vec(&body).unwrap_or_default()
    }
}
