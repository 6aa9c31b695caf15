//! Plots as inline SVG. Colours are written as variables of the page's style sheet, so that a plot
//! follows light and dark like the text around it.

use std::ops::Range;

use act_core::{Error, Result};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Pixels of a plot; the page scales it.
const SIZE: (u32, u32) = (680, 340);

/// Colours that stand for variables of the style sheet until the plot is drawn.
const TEXT: RGBColor = RGBColor(1, 1, 1);
const GRID: RGBColor = RGBColor(2, 2, 2);
const SERIES: u8 = 12;

/// The colour of the model at this place: the first has the reference's grey, which no other shares.
fn colour(place: usize) -> RGBColor {
    RGBColor(16, 1, series(place) as u8)
}

/// The number of that colour in the style sheet.
pub fn series(place: usize) -> usize {
    match place {
        0 => 0,
        other => 1 + (other - 1) % (SERIES as usize - 1),
    }
}

/// A model in the plot of accuracy against time.
pub struct Point<'a> {
    /// What stands beside it.
    pub name: &'a str,
    /// Milliseconds.
    pub ms: f64,
    /// Percent: value and interval.
    pub accuracy: [f64; 3],
}

/// Accuracy against median latency, with intervals; better is up and to the left. A line joins the
/// models that no other beats in both.
pub fn pareto(points: &[Point<'_>], x_title: &str) -> Result<String> {
    let right = points.iter().map(|p| p.ms).fold(0.0, f64::max) * 1.18;
    let low = points.iter().map(|p| p.accuracy[1]).fold(100.0, f64::min);
    let high = points.iter().map(|p| p.accuracy[2]).fold(0.0, f64::max);
    let (low, high) = widened(low, high, 0.5);
    let right = right.max(1e-3);
    draw(|area| {
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .x_label_area_size(40)
            .y_label_area_size(56)
            .build_cartesian_2d(0.0..right, low..high)?;
        axes(&mut chart, x_title, "accuracy, %")?;
        let mut labels = Labels::default();
        chart.draw_series(LineSeries::new(front(points), GRID.stroke_width(2)))?;
        for (i, point) in points.iter().enumerate() {
            let colour = colour(i);
            let [value, low, high] = point.accuracy;
            let interval = [(point.ms, low), (point.ms, high)];
            chart.draw_series([PathElement::new(interval, colour.stroke_width(2))])?;
            chart.draw_series([Circle::new((point.ms, value), 6, colour.filled())])?;
            let style = label(15).pos(Pos::new(HPos::Left, VPos::Center));
            let shift = labels.place(chart.backend_coord(&(point.ms, value)), point.name);
            chart.draw_series([EmptyElement::at((point.ms, value))
                + Text::new(
                    point.name.to_owned(),
                    (Labels::GAP, shift + Labels::BELOW),
                    style,
                )])?;
        }
        Ok(())
    })
}

/// Time and accuracy of the models that are more accurate than all that are as fast, fastest first.
pub fn front(points: &[Point<'_>]) -> Vec<(f64, f64)> {
    let mut all: Vec<(f64, f64)> = points.iter().map(|p| (p.ms, p.accuracy[0])).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
    let mut best = f64::NEG_INFINITY;
    all.retain(|&(_, accuracy)| {
        let better = accuracy > best;
        best = best.max(accuracy);
        better
    });
    all
}

/// Where names already stand, so that those of models alike do not cover each other.
#[derive(Default)]
struct Labels {
    /// Left end, right end and height of each, in pixels.
    taken: Vec<(i32, i32, i32)>,
}

impl Labels {
    /// Between a point and its name.
    const GAP: i32 = 11;
    const LINE: i32 = 17;
    /// Names stand below the middle of their points, off the line that rises from there.
    const BELOW: i32 = 9;

    /// Pixels by which the name of the point at `(x, y)` must go up or down.
    fn place(&mut self, (x, y): (i32, i32), name: &str) -> i32 {
        let (left, right) = (
            x + Self::GAP,
            x + Self::GAP + 9 * name.chars().count() as i32,
        );
        let free = |y: i32| {
            let covers = |&(l, r, at): &(i32, i32, i32)| {
                left < r && l < right && (y - at).abs() < Self::LINE
            };
            !self.taken.iter().any(covers)
        };
        let shifts = (0..12).map(|i| if i % 2 == 0 { i / 2 } else { -(i / 2) - 1 } * Self::LINE);
        let shift = shifts
            .into_iter()
            .find(|shift| free(y + shift))
            .unwrap_or(0);
        self.taken.push((left, right, y + shift));
        shift
    }
}

/// A line over steps.
pub struct Line<'a> {
    /// What stands at its end.
    pub name: &'a str,
    /// The place of its model, which gives the colour.
    pub place: usize,
    /// Step and value.
    pub points: Vec<(f64, f64)>,
}

/// Lines over training steps, named at their ends, on an axis that spans at least twice `least`.
pub fn lines(lines: &[Line<'_>], y_title: &str, least: f64) -> Result<String> {
    let all = || lines.iter().flat_map(|l| &l.points);
    let last = all().map(|p| p.0).fold(1.0, f64::max);
    let (low, high) = all().fold((f64::MAX, f64::MIN), |(low, high), p| {
        (low.min(p.1), high.max(p.1))
    });
    let (low, high) = widened(low, high, least);
    // Names stand right of the last step.
    let right = last * 1.2;
    draw(|area| {
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .x_label_area_size(40)
            .y_label_area_size(56)
            .build_cartesian_2d(0.0..right, low..high)?;
        axes(&mut chart, "step", y_title)?;
        let mut labels = Labels::default();
        for line in lines {
            let colour = colour(line.place);
            let dot = |&at: &(f64, f64)| Circle::new(at, 3, colour.filled());
            chart.draw_series(line.points.iter().map(dot).collect::<Vec<_>>())?;
            let course = line.points.iter().copied();
            chart.draw_series(LineSeries::new(course, colour.stroke_width(2)))?;
            let Some(&end) = line.points.last() else {
                continue;
            };
            let style = ("sans-serif", 14).into_font().color(&colour);
            let style = style.pos(Pos::new(HPos::Left, VPos::Center));
            let shift = labels.place(chart.backend_coord(&end), line.name);
            let name = Text::new(line.name.to_owned(), (Labels::GAP, shift), style);
            chart.draw_series([EmptyElement::at(end) + name])?;
        }
        Ok(())
    })
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Failure = Box<dyn std::error::Error>;

fn draw(paint: impl FnOnce(&Area<'_>) -> Result<(), Failure>) -> Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let painted = paint(&area).and_then(|()| Ok(area.present()?));
        painted.map_err(|e| Error::failed(format!("drawing a plot: {e}")))?;
    }
    Ok(themed(svg))
}

/// Puts the style sheet's variables in the place of the colours that stand for them, and lets the
/// page decide the size.
fn themed(svg: String) -> String {
    let (width, height) = SIZE;
    let fixed = format!("<svg width=\"{width}\" height=\"{height}\" ");
    let named = |colour: RGBColor| format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2);
    let series = (0..SERIES).map(|i| (named(RGBColor(16, 1, i)), format!("var(--series-{i})")));
    series
        .chain([
            (named(TEXT), "var(--text)".into()),
            (named(GRID), "var(--rule)".into()),
        ])
        .fold(
            svg.replace(&fixed, "<svg role=\"img\" "),
            |svg, (from, to)| svg.replace(&from, &to),
        )
}

type Chart<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

fn axes(chart: &mut Chart<'_, '_>, x: &str, y: &str) -> Result<(), Failure> {
    let decimals = decimals(chart.x_range());
    chart
        .configure_mesh()
        .axis_style(GRID)
        .bold_line_style(GRID.stroke_width(1))
        .light_line_style(TRANSPARENT)
        .label_style(label(13))
        .axis_desc_style(label(14))
        .x_label_formatter(&|v| format!("{v:.decimals$}"))
        .x_desc(x)
        .y_desc(y)
        .draw()?;
    Ok(())
}

/// Decimals that tell a tenth of a range from the next.
fn decimals(range: Range<f64>) -> usize {
    let tenth = (range.end - range.start).max(1e-9) / 10.0;
    (-tenth.log10()).ceil().max(0.0) as usize
}

fn label(size: i32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&TEXT)
}

/// A range with air of at least `least` on both ends.
fn widened(low: f64, high: f64, least: f64) -> (f64, f64) {
    let Range { start, end } = if low <= high { low..high } else { 0.0..1.0 };
    let air = ((end - start) * 0.08).max(least);
    (start - air, end + air)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_leaves_out_who_is_beaten() {
        let of = |ms, accuracy| Point {
            name: "",
            ms,
            accuracy: [accuracy; 3],
        };
        let points = [of(4.0, 70.0), of(2.0, 69.0), of(3.0, 68.0), of(1.0, 60.0)];
        assert_eq!(front(&points), [(1.0, 60.0), (2.0, 69.0), (4.0, 70.0)]);
    }

    #[test]
    fn labels_of_an_axis_differ() {
        assert_eq!(
            [0.05, 0.9, 9.0, 11.0].map(|end| decimals(0.0..end)),
            [3, 2, 1, 0]
        );
    }

    #[test]
    fn a_plot_names_its_models_and_follows_the_style_sheet() {
        let points = [
            Point {
                name: "base <b>&",
                ms: 40.0,
                accuracy: [74.0, 73.0, 75.0],
            },
            Point {
                name: "模型",
                ms: 10.0,
                accuracy: [73.8, 72.8, 74.8],
            },
        ];
        let svg = pareto(&points, "ms").unwrap();
        assert!(svg.contains("base &lt;b&gt;&amp;"), "{svg}");
        assert!(svg.contains("模型") && svg.contains("var(--series-1)"));
        assert!(!svg.contains("#010101") && !svg.contains("<b>"));
        // Scales with the page.
        assert!(
            svg.contains("<svg role=\"img\" viewBox="),
            "{}",
            &svg[..200]
        );
    }

    #[test]
    fn names_of_models_alike_stand_below_each_other() {
        let mut labels = Labels::default();
        let shifts =
            [(100, 50), (102, 50), (104, 51), (300, 50)].map(|at| labels.place(at, "int8"));
        assert_eq!(shifts, [0, -17, 17, 0]);
    }

    #[test]
    fn no_model_has_the_references_colour() {
        let all: Vec<usize> = (0..30).map(series).collect();
        assert!(all[1..].iter().all(|&i| i > 0 && i < SERIES as usize));
        assert_eq!(all[..12], std::array::from_fn::<usize, 12, _>(|i| i));
    }

    #[test]
    fn flat_and_empty_courses_are_drawn() {
        let flat = Line {
            name: "student",
            place: 2,
            points: vec![(1.0, 0.5), (2.0, 0.5)],
        };
        assert!(lines(&[flat], "loss", 0.01).unwrap().contains("student"));
        assert!(lines(&[], "loss", 0.01).unwrap().ends_with("</svg>\n"));
    }
}
