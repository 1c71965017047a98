//! One bar for each policy, with its number.

use plotters::chart::ChartBuilder;
use plotters::drawing::IntoDrawingArea;
use plotters::element::Rectangle;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{BLACK, Color as _, WHITE};

use super::{Drawn, FONT, SIZE, TITLE_PIXELS, colour, text};
use crate::virtual_time::measure::{Measures, Report};

/// Room for the policies' names.
const NAMES_PIXELS: u32 = 170;
/// Height of a bar, where 1 is the distance of two.
const THICKNESS: f64 = 0.7;

/// Draws one number of each policy, the first policy on top.
pub(super) fn bars(report: &Report, what: &str, of: impl Fn(&Measures) -> f64, svg: &mut String) -> Drawn {
    let numbers: Vec<f64> = report.policies.iter().map(of).collect();
    let count = numbers.len() as f64;
    let most = numbers.iter().copied().fold(0.0, f64::max).max(1e-3) * 1.12;
    let least = numbers.iter().copied().fold(0.0, f64::min) * 1.12;

    let area = plotters::backend::SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(format!("{}: {what}", report.scenario), (FONT, TITLE_PIXELS))
        .margin(16)
        .x_label_area_size(36)
        .y_label_area_size(NAMES_PIXELS)
        .build_cartesian_2d(least..most, 0.0..count)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .y_labels(0)
        .x_label_formatter(&|number| written(*number, most))
        .light_line_style(WHITE)
        .bold_line_style(BLACK.mix(0.12))
        .label_style(text())
        .draw()?;
    let middle = |position: usize| count - position as f64 - 0.5;
    chart.draw_series(numbers.iter().enumerate().map(|(position, number)| {
        let (from, to) = (middle(position) - THICKNESS / 2.0, middle(position) + THICKNESS / 2.0);
        Rectangle::new([(0.0, from), (*number, to)], colour(position).filled())
    }))?;
    let beside = text().pos(Pos::new(HPos::Left, VPos::Center));
    let before = text().pos(Pos::new(HPos::Right, VPos::Center));
    for (position, policy) in report.policies.iter().enumerate() {
        let (x, y) = chart.backend_coord(&(least, middle(position)));
        area.draw_text(&policy.name, &before, (x - 10, y))?;
    }
    for (position, number) in numbers.iter().enumerate() {
        let (x, y) = chart.backend_coord(&(number.max(0.0), middle(position)));
        area.draw_text(&written(*number, most), &beside, (x + 6, y))?;
    }
    drop(chart);
    area.present()?;
    drop(area);
    Ok(())
}

/// A number with a digit behind the point where all are small.
fn written(number: f64, most: f64) -> String {
    if most < 10.0 { format!("{number:.1}") } else { format!("{number:.0}") }
}
