//! A comparison as one web page that needs nothing else: no network, no script, light and dark,
//! good on paper. The same content as the Markdown, and pictures. Writes down what was measured and
//! measures nothing.

mod answers;
mod layers;
mod plot;

use std::cmp::Ordering;

use act_core::Result;
use act_stage::report::{ComparedModel, HowQuantised, TrainingCourse};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::comparison::Comparison;
use crate::conclusion;
use crate::latency::{Lengths, Race};
use crate::lineage::{short, tree};
use crate::model::Model;
use crate::table::{self, Table};
use crate::{markdown, promised, quantised, sites};

/// The style sheet of every page.
pub(crate) const STYLE: &str = include_str!("html/style.css");

/// The whole page.
pub fn document(comparison: &Comparison, models: &[Model]) -> Result<String> {
    let report = &comparison.report;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "act: " (report.task) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (report.task) ": compression report" }
                    @if let Some(notice) = &report.notice { p.notice { (notice) } }
                    @for warning in comparison.warnings() { p.notice { (warning) "." } }
                    @for cut in comparison.cuts() { p.notice { (cut) "." } }
                    (headline(comparison))
                    (judged_on(comparison))
                }
                (section("Models", html! {
                    (grid(&markdown::summary(comparison)))
                    h3 { "Beside accuracy" }
                    (grid(&markdown::classes::figures(comparison.models())))
                }))
                @if let Some(promise) = &comparison.details().promise {
                    (section("Promise", html! {
                        @for sentence in promised::sentences(promise) { p { (sentence) } }
                        (grid(&promised::frontier(promise)))
                    }))
                }
                (section("Accuracy against latency", pareto(comparison)?))
                (section("Latency", latency(comparison)))
                @if comparison.models().len() > 1 {
                    (section("Paired differences", html! {
                        p { (markdown::PAIRED) }
                        (grid(&markdown::paired(comparison.models(), report.synthetic)))
                    }))
                }
                @if comparison.models().iter().any(|row| !row.classes.is_empty()) {
                    (section("Classes", classes(comparison.models())))
                }
                @if !comparison.details().training.is_empty() {
                    (section("Training", training(comparison)?))
                }
                (section("Layers", layers::pictures(models)))
                (answers::sections(comparison))
                (quantisation(models)?)
                (section("Lineage", lineage(models)))
            }
        }
    };
    Ok(page.into_string())
}

fn section(title: &str, content: Markup) -> Markup {
    html! { section { h2 { (title) } (content) } }
}

/// The last model against the first, in three figures.
fn headline(comparison: &Comparison) -> Markup {
    let Some((last, earlier)) = comparison.models().split_last() else {
        return html! {};
    };
    let figure = |value: String, what: String| html! { div { strong { (value) } span { (what) } } };
    let Some(first) = earlier.first() else {
        return html! { div.headline { (figure(table::accuracy(&last.accuracy, 2), last.accuracy.metric.title().into())) } };
    };
    let points = last.difference.map_or(0.0, |d| d.value);
    html! {
        @if let Some(sentence) = conclusion::sentence(comparison) { p.conclusion { (sentence) } }
        div.headline {
            @if let (Some(speedup), Some(race)) = (last.speedups.first(), comparison.races.first()) {
                @let of = format!("{} as {} at {}", "as fast", first.name, race.setting);
                @let spread = format!("{:.2} .. {:.2}", speedup.ratio.p5, speedup.ratio.p95);
                @if speedup.ratio.is_unsteady() { (figure("?".into(), format!("{of}: the machine was busy ({spread})"))) }
                @else { (figure(table::times(speedup.ratio.median), format!("{of} ({spread})"))) }
            }
            (figure(table::times(last.size_ratio), format!("smaller than {}", first.name)))
            (figure(table::points(points), format!("points of {} ({})", last.accuracy.metric.title(), told(last))))
        }
    }
}

fn classes(rows: &[ComparedModel]) -> Markup {
    use markdown::classes::{FIGURES, losses, table, which};
    html! {
        p { (FIGURES) }
        @for sentence in losses(rows) { p { (sentence) } }
        p { (which(rows)) }
        (grid(&table(rows)))
    }
}

/// The interval of a difference, and whether it leaves out 0.
fn told(row: &ComparedModel) -> String {
    let Some(d) = &row.difference else {
        return String::new();
    };
    let (low, high) = conclusion::interval(d);
    let interval = table::points_interval(low, high);
    match conclusion::direction(d) {
        Ordering::Equal => format!("{interval}: not to be told from 0"),
        _ => interval,
    }
}

fn judged_on(comparison: &Comparison) -> Markup {
    html! {
        @if let Some(data) = &comparison.report.dataset {
            p { "Judged on " (data.name) "/" (data.split)
                @if let Some(what) = &data.held_out { " (" (what) ")" }
                ", " (data.examples) " examples, digest "
                code { (short(&data.digest)) } ". " (markdown::INTERVALS) }
        }
    }
}

fn pareto(comparison: &Comparison) -> Result<Markup> {
    // At the data's own lengths: what a user of this engine waits for.
    let own = |r: &&Race| r.setting.lengths == Lengths::Own && !r.setting.tokenizing;
    let race = comparison
        .races
        .iter()
        .find(own)
        .or(comparison.races.first());
    let Some(race) = race else {
        return Ok(html! {});
    };
    let points: Vec<plot::Point<'_>> = (comparison.models().iter().zip(&race.latency))
        .map(|(row, latency)| plot::Point {
            name: &row.name,
            ms: latency.median_ms,
            accuracy: [row.accuracy.value, row.accuracy.low, row.accuracy.high].map(|a| 100.0 * a),
        })
        .collect();
    let title = format!("median ms of a batch, {}", race.setting);
    let caption = match plot::front(&points).len() {
        0 | 1 => {
            "Bars are 95 % intervals; up and to the left is better. No model is more accurate than the fastest."
        }
        _ => {
            "Bars are 95 % intervals; up and to the left is better. The line joins the models that no \
             other beats in both."
        }
    };
    Ok(figure(plot::pareto(&points, &title)?, caption))
}

fn figure(svg: String, caption: &str) -> Markup {
    html! { figure { (PreEscaped(svg)) figcaption { (caption) } } }
}

fn latency(comparison: &Comparison) -> Markup {
    html! {
        p { (plain(&markdown::measured_on(&comparison.report.host, comparison))) }
        @for race in &comparison.races {
            h3 { (race.setting) }
            @let slowest = race.latency.iter().map(|l| l.median_ms).fold(f64::MIN_POSITIVE, f64::max);
            div.bars {
                @for (i, (row, latency)) in comparison.models().iter().zip(&race.latency).enumerate() {
                    span { (row.name) }
                    @let told = format!("{}: {} ms, 95 % within {} ms", row.name, table::ms(latency.median_ms), table::ms(latency.p95_ms));
                    div title=(told) { (bar(i, latency.median_ms / slowest)) }
                    span.number { (table::ms(latency.median_ms)) " ms" }
                    span.number { @if i > 0 { (race.speedup[i]) } }
                }
            }
        }
        details { summary { "All figures" } (grid(&markdown::latency(comparison))) }
        h3 { "Where the time goes" }
        (operators(comparison))
    }
}

/// The first model and the last, part by part.
fn operators(comparison: &Comparison) -> Markup {
    let last = comparison.models().len() - 1;
    let models: &[usize] = if last > 0 { &[0, last] } else { &[0] };
    let all = comparison.details().operators.iter().flat_map(|o| &o.ms);
    let longest = all.copied().fold(f64::MIN_POSITIVE, f64::max);
    html! {
        p { (markdown::OPERATORS) }
        div.bars {
            @for operator in &comparison.details().operators {
                @for &m in models {
                    span { @if m == 0 { (operator.name) } }
                    div { (bar(m, operator.ms[m] / longest)) }
                    span.number { (table::ms(operator.ms[m])) " ms" }
                    span.number { (comparison.models()[m].name) }
                }
            }
        }
        details { summary { "All models" } (grid(&markdown::operators(comparison))) }
    }
}

/// A bar of this share of the whole width, in the colour of the model at this place.
fn bar(place: usize, share: f64) -> Markup {
    let series = plot::series(place);
    html! { i style=(format!("width:{:.1}%;background:var(--series-{series})", 100.0 * share)) {} }
}

/// Markdown's code marks mean nothing on a page.
fn plain(text: &str) -> String {
    text.replace('`', "")
}

fn training(comparison: &Comparison) -> Result<Markup> {
    let courses: &[TrainingCourse] = &comparison.details().training;
    let names = comparison.names();
    let mut losses = Vec::new();
    let mut scores = Vec::new();
    for (i, course) in courses.iter().enumerate() {
        // A course is named by its report's file, as a model by its own.
        let model = names.iter().position(|name| *name == course.name);
        let place = model.unwrap_or(names.len() + i);
        losses.push(plot::Line {
            name: &course.name,
            place,
            points: course
                .losses
                .iter()
                .map(|l| (l.step as f64, l.loss))
                .collect(),
        });
        let evaluations = course.evaluations.iter();
        scores.push(plot::Line {
            name: &course.name,
            place,
            points: evaluations
                .filter_map(|e| Some((e.step as f64, 100.0 * e.value()?)))
                .collect(),
        });
    }
    let losses = plot::lines(&losses, "loss", 0.01)?;
    let mut metrics: Vec<&str> = courses
        .iter()
        .map(|course| course.metric.unwrap_or_default().title())
        .collect();
    metrics.dedup();
    let metrics = metrics.join(", ");
    let scores = plot::lines(&scores, &format!("{metrics}, %"), 0.5)?;
    let caption = format!("On the slice of train that training held out: {metrics}.");
    Ok(html! {
        div.figures {
            (figure(losses, "Mean training loss."))
            (figure(scores, &caption))
        }
    })
}

fn quantisation(models: &[Model]) -> Result<Markup> {
    Ok(html! {
        @for model in models {
            @if !model.sites.is_empty() {
                (section(&format!("Quantisation of {}", model.name), html! {
                    @if let Some(quantised) = &model.quantised { (how_quantised(quantised)?) }
                    p { (plain(sites::EXPLANATION)) }
                    details open[model.sites.len() <= 40] {
                        summary { (model.sites.len()) " inputs of linear layers" }
                        (grid(&sites::table(&model.sites)))
                    }
                }))
            }
        }
    })
}

/// Whether it was trained, why, and the course of that.
fn how_quantised(how: &HowQuantised) -> Result<Markup> {
    let evaluations = quantised::evaluations(how);
    let (name, value) = quantised::evaluated(how);
    let plot = match (&how.training, evaluations.last()) {
        (Some(outcome), Some(last)) => {
            let trained = evaluations.iter();
            let mut lines = vec![plot::Line {
                name: "trained",
                place: 1,
                points: trained.map(|e| (e.step as f64, value(e))).collect(),
            }];
            // A metric of the calibrated model is in act-quant's report.
            if last.divergence.is_some() {
                let ends = [0, last.step].map(|step| (step as f64, 1e3 * outcome.calibrated));
                lines.push(plot::Line {
                    name: "calibrated",
                    place: 0,
                    points: ends.into(),
                });
            }
            Some(plot::lines(&lines, &name, 0.01)?)
        }
        _ => None,
    };
    let first = name[..1].to_uppercase() + &name[1..];
    let caption = format!("{first}, on the slice of train that training held out.");
    Ok(html! {
        p { (quantised::sentence(how)) }
        @if let Some(plot) = plot { (figure(plot, &caption)) }
    })
}

fn lineage(models: &[Model]) -> Markup {
    html! {
        @for model in models {
            details {
                summary { (model.name) " " code { (short(&model.report.model.digest)) } }
                pre { (tree(&model.provenance)) }
            }
        }
    }
}

/// A table of cells, wide ones scroll.
pub(crate) fn grid(table: &Table) -> Markup {
    let class = |column| if table.is_text(column) { "" } else { "number" };
    html! {
        div.scroll { table {
            thead { tr { @for (i, cell) in table.header().iter().enumerate() { th class=(class(i)) { (cell) } } } }
            tbody {
                // The page says it at its top.
                @for row in table.rows().iter().filter(|row| row[0] != markdown::SYNTHETIC_ROW) {
                    tr { @for (i, cell) in row.iter().enumerate() { td class=(class(i)) { (cell) } } }
                }
            }
        } }
    }
}
