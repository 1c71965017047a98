//! A report as pictures: latency, regret and loads of each policy, as SVG.

mod bars;
mod curves;

use plotters::style::{BLACK, Color as _, RGBColor, ShapeStyle, TextStyle};
use thiserror::Error;

use super::measure::Report;

/// Width and height of a picture.
const SIZE: (u32, u32) = (900, 520);
const TITLE_PIXELS: u32 = 22;
const TEXT_PIXELS: u32 = 15;
const FONT: &str = "sans-serif";
/// Okabe and Ito's colours, which colour-blind people tell apart.
const PALETTE: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(120, 120, 120),
    RGBColor(0, 0, 0),
];

/// A picture could not be drawn.
#[derive(Debug, Error)]
#[error("{picture}: {reason}")]
pub struct PlotError {
    /// Which.
    pub picture: &'static str,
    /// Why.
    pub reason: String,
}

/// Every picture of a report: file name and SVG.
///
/// # Errors
/// The drawing library's, which names the picture.
pub fn plots(report: &Report) -> Result<Vec<(&'static str, String)>, PlotError> {
    let regret = |of: &super::Measures| of.regret * 100.0;
    let loads = |of: &super::Measures| of.loads;
    Ok(vec![
        ("latency.svg", drawn("latency.svg", |svg| curves::latency(report, svg))?),
        (
            "regret.svg",
            drawn("regret.svg", |svg| bars::bars(report, "regret against the clairvoyant, %", regret, svg))?,
        ),
        ("loads.svg", drawn("loads.svg", |svg| bars::bars(report, "model loads in a run", loads, svg))?),
    ])
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

fn drawn(picture: &'static str, draw: impl FnOnce(&mut String) -> Drawn) -> Result<String, PlotError> {
    let mut svg = String::new();
    draw(&mut svg).map_err(|error| PlotError { picture, reason: error.to_string() })?;
    Ok(svg)
}

/// The colour of the policy at a position; the ninth begins anew.
fn colour(position: usize) -> RGBColor {
    PALETTE.get(position % PALETTE.len()).copied().unwrap_or(BLACK)
}

/// The first policy is drawn thick, so that one equal to it does not hide it; those beyond the palette thin.
fn stroke(position: usize) -> ShapeStyle {
    let width = match position {
        0 => 6,
        position if position < PALETTE.len() => 3,
        _ => 1,
    };
    colour(position).stroke_width(width)
}

fn text<'a>() -> TextStyle<'a> {
    TextStyle::from((FONT, TEXT_PIXELS))
}
