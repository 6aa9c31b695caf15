//! What goes to standard output: text and JSON, and the mark that every line about the synthetic
//! corpus carries. A reader that leaves early (`| head`) is no error.

use std::path::Path;

use act_core::{Error, Result};
use act_stage::Context;
use act_stage::report::Cut;

/// Writes text to standard output.
pub fn print(ctx: &Context, text: &str) -> Result<()> {
    ctx.write_file(Path::new("-"), text.as_bytes())
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
