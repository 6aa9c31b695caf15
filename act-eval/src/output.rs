//! What goes to standard output: text and JSON, and the mark that every line about the synthetic
//! corpus carries. A reader that leaves early (`| head`) is no error.

use std::path::Path;

use act_core::{Error, Result};
use act_stage::Context;
use act_stage::report::Cut;

/// What goes to standard output.
pub enum Printed {
    /// For people: nothing in it that others wrote moves the cursor.
    Text(String),
    /// For scripts: escapes for itself.
    Json(String),
}

/// Writes to standard output.
pub fn print(ctx: &Context, printed: &Printed) -> Result<()> {
    let path = Path::new("-");
    match printed {
        Printed::Text(text) => ctx.write_text(path, text),
        Printed::Json(json) => ctx.write_file(path, json.as_bytes()),
    }
}

/// A value as indented JSON with a line break at its end.
pub fn json(value: &impl serde::Serialize) -> Result<String> {
    match serde_json::to_string_pretty(value) {
        Ok(text) => Ok(text + "\n"),
        Err(e) => Err(Error::failed(format!("writing JSON: {e}"))),
    }
}

/// A line that says how many examples a model did not read to their end; nothing where it read all.
pub fn cut_line(cut: &Cut) -> String {
    match cut.examples {
        0 => String::new(),
        _ => format!("{cut}\n"),
    }
}

/// What follows every name of data or model that rests on the bundled corpus; else nothing.
pub fn synthetic_tag(synthetic: bool) -> &'static str {
    if synthetic { " [synthetic sample]" } else { "" }
}
