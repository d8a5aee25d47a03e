//! Aligned tables for the terminal.

use std::fmt::Write;

/// Renders rows under a header; columns marked `true` are aligned to the right.
pub fn render(header: &[(&str, bool)], rows: &[Vec<String>]) -> String {
    let widths: Vec<usize> = header
        .iter()
        .enumerate()
        .map(|(column, (title, _))| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.max().unwrap_or(0).max(title.chars().count())
        })
        .collect();
    let mut text = String::new();
    let mut line = |cells: &[String]| {
        let mut out = String::from("  ");
        for ((cell, width), (_, right)) in cells.iter().zip(&widths).zip(header) {
            let _ = if *right { write!(out, "{cell:>width$}  ") } else { write!(out, "{cell:<width$}  ") };
        }
        text.push_str(out.trim_end());
        text.push('\n');
    };
    line(&header.iter().map(|(title, _)| (*title).to_owned()).collect::<Vec<_>>());
    line(&widths.iter().map(|width| "─".repeat(*width)).collect::<Vec<_>>());
    rows.iter().for_each(|row| line(row));
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn columns_line_up() {
        let rows = [vec!["a".into(), "5".into()], vec!["long".into(), "−500".into()]];
        let table = super::render(&[("name", false), ("n", true)], &rows);
        assert_eq!(table, "  name     n\n  ────  ────\n  a        5\n  long  −500\n");
    }
}
