//! Checkpoints: something that `checkpoint.json` says is changed, or the steps behind it, then the digests
//! follow.

use act_core::provenance::Digest;
use serde_json::{Value, json};

use crate::{Chance, changed};

/// A checkpoint taken apart.
struct Parts {
    body: Vec<u8>,
    /// Steps of quantisation-aware training, behind a zero byte.
    numbers: Option<Vec<u8>>,
}

/// Changes one thing that a checkpoint says.
pub fn mutate(bytes: &[u8], chance: &mut Chance) -> Option<Vec<u8>> {
    let mut parts = Parts::new(bytes)?;
    match chance.below(8) {
        0 => parts.body = changed(&parts.body),
        1 | 2 => parts.change_numbers(chance)?,
        _ => {
            let mut said = serde_json::from_slice(&parts.body).ok()?;
            change(&mut said, chance);
            parts.body = said.to_string().into_bytes();
        }
    }
    Some(parts.file())
}

impl Parts {
    fn new(bytes: &[u8]) -> Option<Self> {
        let mut halves = bytes.splitn(2, |&b| b == 0);
        let text = halves.next()?;
        let digest_ends = text.iter().position(|&b| b == b'\n')?;
        Some(Self {
            body: text[digest_ends + 1..].to_vec(),
            numbers: halves.next().map(<[u8]>::to_vec),
        })
    }

    /// Changes the steps, and what is said to be their digest.
    fn change_numbers(&mut self, chance: &mut Chance) -> Option<()> {
        let numbers = self.numbers.as_mut()?;
        let before = Digest::of([&numbers[..]]).to_string();
        let count = numbers.len() / 8;
        match chance.below(3) {
            0 => *numbers = changed(numbers),
            1 if count > 0 => {
                let values = [0.0, -1.0, 1e-45, 3e38, 1e300, f64::NAN, f64::INFINITY];
                let at = 8 * chance.below(count);
                let value = values[chance.below(values.len())];
                numbers[at..at + 8].copy_from_slice(&value.to_le_bytes());
            }
            _ => numbers.resize(8 * chance.below(count + 2), 0),
        }
        let after = Digest::of([&numbers[..]]).to_string();
        let body = String::from_utf8_lossy(&self.body).replace(&before, &after);
        self.body = body.into_bytes();
        Some(())
    }

    fn file(&self) -> Vec<u8> {
        let digest = Digest::of([&self.body[..]]).to_string();
        let mut bytes = [digest.as_bytes(), b"\n", &self.body].concat();
        if let Some(numbers) = &self.numbers {
            bytes.push(0);
            bytes.extend(numbers);
        }
        bytes
    }
}

/// Changes one value of a document: to another, to one of elsewhere in it, or away.
fn change(said: &mut Value, chance: &mut Chance) {
    let mut places = Vec::new();
    visit(said, &mut String::new(), &mut places);
    let [place, other] = [0; 2].map(|_| places[chance.below(places.len())].clone());
    let other = said.pointer(&other).cloned().unwrap_or_default();
    let Some(value) = said.pointer_mut(&place) else {
        return;
    };
    let numbers = [
        json!(0),
        json!(1),
        json!(-1),
        json!(3),
        json!(1_000_000_000),
        json!(u64::MAX),
        json!(1e308),
        json!(0.5),
        json!("NaN"),
        json!("inf"),
        json!("1e308"),
    ];
    match chance.below(8) {
        0 => *value = other,
        1 => *value = Value::Null,
        2 => match value {
            Value::Array(values) => {
                values.pop();
            }
            Value::Object(fields) => {
                let name = fields
                    .keys()
                    .nth(chance.below(fields.len().max(1)))
                    .cloned();
                if let Some(name) = name {
                    fields.remove(&name);
                }
            }
            _ => *value = json!([]),
        },
        3 => match value {
            Value::Array(values) => {
                let again = values.first().cloned().unwrap_or(other);
                let times = 1 << chance.below(8);
                values.extend(std::iter::repeat_n(again, times));
            }
            _ => *value = json!([value.clone()]),
        },
        _ => *value = numbers[chance.below(numbers.len())].clone(),
    }
}

/// Pointers to every value.
fn visit(value: &Value, at: &mut String, places: &mut Vec<String>) {
    places.push(at.clone());
    let length = at.len();
    let mut inside = |name: &str, value: &Value| {
        at.push('/');
        at.push_str(name);
        visit(value, at, places);
        at.truncate(length);
    };
    match value {
        Value::Array(values) => {
            for (i, value) in values.iter().enumerate() {
                inside(&i.to_string(), value);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                inside(name, value);
            }
        }
        _ => {}
    }
}
