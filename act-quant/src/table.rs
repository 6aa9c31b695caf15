//! What inputs cost, as lines of a log: a table of at most 82 columns.

use act_stage::report::{InputCost, InputCosts, SchemeCost};

/// What the names of schemes begin with and the names of their columns, the cheapest at run time first.
const KINDS: [(&str, &str); 4] = [
    ("static", "static"),
    ("smooth", "smooth"),
    ("dynamic", "token"),
    ("float", "float"),
];

/// The lines: what the columns are, their names, a line an input.
pub fn lines(costs: &InputCosts) -> Vec<String> {
    let has = |name: &str| {
        let mut inputs = costs.inputs.iter();
        inputs.any(|input| of_kind(input, name).is_some())
    };
    let kinds: Vec<_> = KINDS.iter().filter(|(name, _)| has(name)).collect();
    let explained = format!(
        "what an input adds to the divergence, 1e-3 nats on {} texts, * as it is, ? not judged in {} s;",
        costs.examples, costs.budget_s
    );
    let and =
        "then kB that float adds to the file, then ms here, 8 x 64 tokens, one thread".to_string();
    let mut header = format!("{:<19}", "input of");
    for (_, title) in kinds.iter().filter(|(name, _)| *name != "float") {
        header += &format!("{title:>8} ");
    }
    header += &format!("{:>6}", "kB");
    for (_, title) in &kinds {
        header += &format!(" {title:>6}");
    }
    let line = |input: &InputCost| {
        let mut line = format!("{:<19}", short(&input.site));
        let float = of_kind(input, "float");
        for (name, _) in kinds.iter().filter(|(name, _)| *name != "float") {
            let scheme = of_kind(input, name);
            let added = scheme.map_or(String::new(), |scheme| added(scheme, float));
            let star = if scheme.is_some_and(|s| s.chosen) {
                '*'
            } else {
                ' '
            };
            line += &format!("{added:>8}{star}");
        }
        line += &format!("{:>6}", float_kb(input));
        for (name, _) in &kinds {
            let ms = of_kind(input, name).and_then(|scheme| scheme.ms);
            line += &format!(" {:>6}", ms.map_or(String::new(), |ms| format!("{ms:.3}")));
        }
        if float.is_some_and(|float| float.chosen) {
            line += "*";
        }
        line
    };
    let rows = costs.inputs.iter().map(line);
    [explained, and, header].into_iter().chain(rows).collect()
}

fn of_kind<'a>(input: &'a InputCost, name: &str) -> Option<&'a SchemeCost> {
    let mut schemes = input.schemes.iter();
    schemes.find(|scheme| scheme.scheme.starts_with(name))
}

/// `layer.0.attention.query.input` as `0.attention.query`.
fn short(site: &str) -> &str {
    let site = site.strip_suffix(".input").unwrap_or(site);
    site.strip_prefix("layer.").unwrap_or(site)
}

fn added(scheme: &SchemeCost, float: Option<&SchemeCost>) -> String {
    let float = float.and_then(|float| float.divergence);
    match scheme.divergence.zip(float) {
        // Adding 0.0 turns -0.0 into 0.0.
        Some((with, without)) => format!("{:+.4}", (1e7 * (with - without)).round() / 1e4 + 0.0),
        None => "?".into(),
    }
}

/// What float takes more than the smallest of the others.
fn float_kb(input: &InputCost) -> String {
    let others = input.schemes.iter().filter(|s| s.scheme != "float");
    let least = others.map(|scheme| scheme.bytes).min();
    let both = of_kind(input, "float").zip(least);
    both.map_or(String::new(), |(float, least)| {
        (float.bytes.saturating_sub(least) / 1000).to_string()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scheme(name: &str, chosen: bool, divergence: Option<f64>, bytes: u64) -> SchemeCost {
        SchemeCost {
            scheme: name.into(),
            chosen,
            allowed: true,
            algo: None,
            smooth_alpha: None,
            divergence,
            bytes,
            ms: Some(0.5),
        }
    }

    #[test]
    fn a_line_an_input_within_82_columns() {
        let costs = InputCosts {
            divergence: 2e-3,
            examples: 128,
            sequences: 8,
            tokens: 64,
            budget_s: 60.0,
            spent_s: 1.0,
            reused: 0,
            inputs: vec![InputCost {
                site: "layer.11.attention.output.input".into(),
                linears: vec!["layer.11.attention.output".into()],
                scheme: "static".into(),
                reason: "one sentence".into(),
                schemes: vec![
                    scheme("static", true, Some(2e-3), 23_000_000),
                    scheme("smooth", false, None, 23_000_000),
                    scheme("dynamic_per_token", false, Some(1.8e-3), 23_000_000),
                    scheme("float", false, Some(1.75e-3), 26_560_000),
                ],
            }],
        };
        let lines = lines(&costs);
        assert_eq!(lines.len(), 4);
        assert!(
            lines.iter().skip(2).all(|line| line.chars().count() <= 82),
            "{lines:#?}"
        );
        let row: Vec<&str> = lines[3].split_whitespace().collect();
        assert_eq!(
            row[..5],
            ["11.attention.output", "+0.2500*", "?", "+0.0500", "3560"]
        );
        assert_eq!(row[5..], ["0.500"; 4]);
        assert!(
            lines[2].contains("static") && lines[2].contains("token"),
            "{}",
            lines[2]
        );
    }
}
