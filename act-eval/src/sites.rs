//! The quantised linear layers of a model, one row a layer: as a table and as JSON.

use act_core::quant::{ActivationScheme, LinearQuant};
use serde_json::{Value, json};

use crate::table::Table;

/// Ranges, scale and calibrator of every quantised linear layer.
pub fn table(linears: &[LinearQuant]) -> Table {
    let mut table = Table::new([
        "linear",
        "weight max",
        "activation max",
        "scale",
        "zero point",
        "calibrator",
    ]);
    for q in linears {
        let (scale, zero_point) = match q.activation {
            ActivationScheme::Static { scale, zero_point } => {
                (format!("{scale:.6}"), zero_point.to_string())
            }
            ActivationScheme::DynamicPerToken => ("per token".into(), "128".into()),
        };
        let calibrator = match q.calibrator_arg {
            0.0 => q.calibrator.to_string(),
            arg => format!("{} {arg}", q.calibrator),
        };
        let [weight, activation] = [q.weight_max, q.activation_max].map(|m| m.to_string());
        table.push([
            q.linear.to_string(),
            weight,
            activation,
            scale,
            zero_point,
            calibrator,
        ]);
    }
    table
}

/// The same of one layer.
pub fn json(q: &LinearQuant) -> Value {
    let activation = match q.activation {
        ActivationScheme::Static { scale, zero_point } => {
            json!({"scheme": "static", "scale": scale, "zero_point": zero_point})
        }
        ActivationScheme::DynamicPerToken => json!({"scheme": "dynamic_per_token"}),
    };
    json!({
        "linear": q.linear.to_string(),
        "weight_max": q.weight_max,
        "activation_max": q.activation_max,
        "activation": activation,
        "calibrator": q.calibrator.name(),
        "calibrator_arg": q.calibrator_arg,
    })
}
