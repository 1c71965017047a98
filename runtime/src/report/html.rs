//! The page: one file with its style, its program and its numbers, which asks the network for nothing.

use super::Report;

const TEMPLATE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
/// Made from `page/src` with Observable Plot inside; `npm run build -w runtime/src/report/page` makes it anew.
const PROGRAM: &str = include_str!("page/page.js");

/// The report as HTML.
///
/// # Errors
/// None that a report can cause; the serializer's signature has one.
pub(crate) fn page(report: &Report) -> Result<String, serde_json::Error> {
    // A tag inside a string of the data must not end the element that holds it.
    let data = serde_json::to_string(report)?.replace('<', "\\u003c");
    let parts = [("/*style*/", STYLE), ("/*data*/", data.as_str()), ("/*program*/", PROGRAM)];
    let (mut page, mut rest) = (String::new(), TEMPLATE);
    // In one pass: a name in the data may be spelled as a part that is still to come.
    for (place, part) in parts {
        let (before, after) = rest.split_once(place).unwrap_or((rest, ""));
        page.push_str(before);
        page.push_str(part);
        rest = after;
    }
    page.push_str(rest);
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::answered;
    use super::super::{Row, report};
    use super::*;

    #[test]
    #[expect(clippy::expect_used, reason = "the test says what must be there")]
    fn the_page_needs_nothing_else_and_no_name_can_break_it() {
        let named = |number| Row {
            model: Some("</script><script>alert(1)</script>".to_owned()),
            ..answered(number, 1.0)
        };
        let rows: Vec<Row> = (0..30).map(named).collect();
        let html = page(&report(&rows, &[], false)).expect("it is drawn");
        assert!(!html.contains("<script>alert"));
        for outside in ["src=\"http", "href=\"http", "@import", "url(http"] {
            assert!(!html.contains(outside), "{outside}");
        }
        let named = |number| Row { model: Some("/*program*/".to_owned()), ..answered(number, 1.0) };
        let rows: Vec<Row> = (0..30).map(named).collect();
        let html = page(&report(&rows, &[], false)).expect("it is drawn");
        assert_eq!(html.matches(PROGRAM).count(), 1, "a name stands where the program belongs");
    }
}
