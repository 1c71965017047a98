//! Shares of requests answered within a time, one curve for each policy.

use plotters::chart::{ChartBuilder, SeriesLabelPosition};
use plotters::coord::combinators::IntoLogRange;
use plotters::drawing::IntoDrawingArea;
use plotters::element::PathElement;
use plotters::series::LineSeries;
use plotters::style::{BLACK, Color as _, WHITE};

use super::{Drawn, FONT, SIZE, TITLE_PIXELS, stroke, text};
use crate::virtual_time::measure::Report;

/// Points of a curve.
const POINTS: usize = 400;
/// Nothing is shown below this many seconds.
const SHORTEST_S: f64 = 0.1;

/// Draws the latency curves; a curve ends below 100 % where requests went unanswered.
pub(super) fn latency(report: &Report, svg: &mut String) -> Drawn {
    let curves: Vec<(&str, Vec<(f64, f64)>)> =
        report.policies.iter().map(|policy| (policy.name.as_str(), curve(report, &policy.name))).collect();
    let every = || curves.iter().flat_map(|(_, points)| points).map(|(seconds, _)| *seconds);
    let shortest = every().fold(f64::INFINITY, f64::min).clamp(SHORTEST_S, 1e6);
    let longest = every().fold(shortest * 10.0, f64::max);

    let area = plotters::backend::SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(format!("{}: time to the answer", report.scenario), (FONT, TITLE_PIXELS))
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(64)
        .build_cartesian_2d((shortest..longest).log_scale(), 0.0..100.0)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(BLACK.mix(0.12))
        .label_style(text())
        .axis_desc_style(text())
        .x_desc("seconds (logarithmic)")
        .y_desc("requests answered by then, %")
        .y_labels(6)
        .y_label_formatter(&|share| format!("{share:.0}"))
        .x_label_formatter(&|seconds| {
            if *seconds < 1.0 { format!("{seconds:.1}") } else { format!("{seconds:.0}") }
        })
        .draw()?;
    for (position, (name, points)) in curves.into_iter().enumerate() {
        let style = stroke(position);
        chart
            .draw_series(LineSeries::new(points, style))?
            .label(name)
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 22, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .margin(12)
        .legend_area_size(30)
        .label_font(text())
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.2))
        .draw()?;
    drop(chart);
    area.present()?;
    drop(area);
    Ok(())
}

/// Seconds and the share answered within them, in percent.
fn curve(report: &Report, policy: &str) -> Vec<(f64, f64)> {
    let of_policy = || report.rows.iter().filter(|row| row.policy == policy);
    let mut seconds: Vec<f64> =
        of_policy().filter(|row| row.answered).filter_map(|row| row.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    let all = of_policy().count().max(1) as f64;
    let last = seconds.len().saturating_sub(1);
    let steps = POINTS.min(seconds.len());
    (0..steps)
        .map(|step| step * last / steps.saturating_sub(1).max(1))
        .filter_map(|at| Some((seconds.get(at)?.max(SHORTEST_S), (at + 1) as f64 / all * 100.0)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::virtual_time::Row;

    #[test]
    fn a_curve_ends_at_the_share_that_was_answered() {
        let row = |job: usize, answered| Row {
            policy: "smart".to_owned(),
            seed: 0,
            job,
            class: "chat".to_owned(),
            arrives_s: 0.0,
            prompt_tokens: 1.0,
            output_tokens: 8.0,
            host: None,
            model: None,
            seconds: Some((job + 1) as f64),
            answered,
        };
        let rows = vec![row(2, true), row(0, true), row(3, false), row(1, true)];
        let report = Report { scenario: "s".to_owned(), seeds: vec![0], policies: Vec::new(), rows };
        assert_eq!(curve(&report, "smart"), [(1.0, 25.0), (2.0, 50.0), (3.0, 75.0)]);
        assert!(curve(&report, "static").is_empty());
    }
}
