//! What is in a column, counted over a whole file.

use std::collections::HashMap;

use serde_json::Value;

/// Different values that are told apart; a column with more holds no labels.
const MOST: usize = 200_000;

/// Longer values are texts.
const LONGEST: usize = 256;

/// A column's values in figures.
#[derive(Debug, Clone, Default)]
pub(super) struct Column {
    /// Its name, or its number.
    pub(super) name: String,
    /// Rows that have it.
    pub(super) rows: usize,
    /// Rows in which it is empty, or null.
    pub(super) empty: usize,
    /// How often each value occurs; nothing once there are too many.
    pub(super) values: HashMap<String, usize>,
    /// There are too many values, or too long ones.
    pub(super) many: bool,
    /// Values that are numbers, and those of them that are whole.
    pub(super) numbers: usize,
    pub(super) whole: usize,
    /// Values that are lists.
    pub(super) lists: usize,
    /// Values that are written as text.
    pub(super) spaced: usize,
    /// Width of all values, letters beyond ASCII counted double.
    pub(super) width: usize,
}

impl Column {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// Takes a cell of a table.
    pub(super) fn cell(&mut self, cell: &str) {
        self.rows += 1;
        if cell.trim().is_empty() {
            self.empty += 1;
        }
        self.value(cell);
    }

    /// Takes a field of an object.
    pub(super) fn field(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.cell(text),
            Value::Null => {
                self.rows += 1;
                self.empty += 1;
            }
            Value::Number(n) => self.cell(&n.to_string()),
            Value::Bool(b) => self.cell(&b.to_string()),
            Value::Array(list) => {
                self.rows += 1;
                self.lists += 1;
                for item in list {
                    match item {
                        Value::String(text) => self.value(text),
                        other => self.value(&other.to_string()),
                    }
                }
            }
            // No text and no label.
            Value::Object(_) => {
                self.rows += 1;
                self.many = true;
            }
        }
    }

    fn value(&mut self, value: &str) {
        let trimmed = value.trim();
        if let Some(number) = trimmed.parse::<f64>().ok().filter(|n| n.is_finite()) {
            self.numbers += 1;
            self.whole += usize::from(number.fract() == 0.0);
        }
        let wide = value.chars().filter(|c| !c.is_ascii()).count();
        self.spaced += usize::from(trimmed.contains(' ') || wide > 4);
        self.width += value.chars().count() + wide;
        if self.many {
            return;
        }
        if value.len() > LONGEST || self.values.len() > MOST {
            self.many = true;
            self.values = HashMap::new();
            return;
        }
        *self.values.entry(value.into()).or_default() += 1;
    }

    /// Width of a value on average.
    pub(super) fn mean_width(&self) -> f64 {
        self.width as f64 / self.rows.max(1) as f64
    }

    /// Whether its values are written as text.
    pub(super) fn is_text(&self) -> bool {
        2 * self.spaced > self.rows && self.lists == 0
    }

    /// Whether all values are numbers, and not all whole.
    pub(super) fn is_score(&self) -> bool {
        self.rows > 0 && self.numbers == self.rows && self.whole < self.rows && self.lists == 0
    }

    /// Whether its values could be labels: several, none missing, each of them used again.
    pub(super) fn is_label(&self) -> bool {
        let different = self.values.len();
        !self.many && self.empty == 0 && different >= 2 && 2 * different <= self.rows
    }
}
