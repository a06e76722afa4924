//! Where a surface has a height, by marching squares.

use super::Contour;

/// A piece of a line, from one point to another.
type Piece = [(f64, f64); 2];

/// The lines of a height, in pieces of one cell of the grid each. A cell with a missing corner has none.
pub(super) fn isoline(of: &Contour, level: f64) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (i, x) in of.x.windows(2).enumerate() {
        for (j, y) in of.y.windows(2).enumerate() {
            let z = |i: usize, j: usize| of.z.get(i).and_then(|column| *column.get(j)?);
            let heights = [z(i, j), z(i + 1, j), z(i + 1, j + 1), z(i, j + 1)];
            let [Some(a), Some(b), Some(c), Some(d)] = heights else { continue };
            // The corners around the cell, the first once more at the end.
            let corners = [(x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1]), (x[0], y[0])];
            cell(&corners, &[a, b, c, d, a], level, &mut pieces);
        }
    }
    pieces
}

fn cell(corners: &[(f64, f64); 5], heights: &[f64; 5], level: f64, pieces: &mut Vec<Piece>) {
    let crossing = |i: usize| {
        let (from, to) = (heights[i], heights[i + 1]);
        ((from < level) != (to < level)).then(|| {
            let share = (level - from) / (to - from);
            let ((x0, y0), (x1, y1)) = (corners[i], corners[i + 1]);
            (x0 + share * (x1 - x0), y0 + share * (y1 - y0))
        })
    };
    let crossings: Vec<(f64, f64)> = (0..4).filter_map(crossing).collect();
    match crossings[..] {
        [a, b] => pieces.push([a, b]),
        [a, b, c, d] => {
            // A saddle: its middle tells which corners are connected.
            let middle = heights[..4].iter().sum::<f64>() / 4.0;
            if (middle < level) == (heights[0] < level) {
                pieces.extend([[a, b], [c, d]]);
            } else {
                pieces.extend([[a, d], [b, c]]);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(z: impl Fn(f64, f64) -> f64, points: usize) -> Contour {
        let at: Vec<f64> =
            (0..points).map(|i| 2.0 * i as f64 / (points - 1) as f64 - 1.0).collect();
        let heights = at.iter().map(|x| at.iter().map(|y| Some(z(*x, *y))).collect()).collect();
        Contour {
            name: String::new(),
            x_label: String::new(),
            y_label: String::new(),
            z_label: String::new(),
            x: at.clone(),
            y: at,
            z: heights,
            low: 0.0,
            high: 2.0,
            bands: 8,
        }
    }

    #[test]
    fn a_bowl_has_circles() {
        let pieces = isoline(&over(|x, y| x * x + y * y, 41), 0.49);
        let radius = |(x, y): &(f64, f64)| (x * x + y * y).sqrt();
        let worst = pieces.iter().flatten().map(|p| (radius(p) - 0.7).abs()).fold(0.0, f64::max);
        assert!(worst < 1e-3, "{worst}");
        let length: f64 = pieces.iter().map(|[a, b]| (a.0 - b.0).hypot(a.1 - b.1)).sum();
        assert!((length - 0.7 * std::f64::consts::TAU).abs() < 0.01, "{length}");
    }

    #[test]
    fn a_saddle_connects_what_its_middle_says() {
        // Corners 1, -1, 1, -1 around: with a middle above the level, the low corners are apart.
        let ends = |level: f64| {
            let pieces = isoline(&over(|x, y| x * y, 2), level);
            assert_eq!(pieces.len(), 2);
            pieces.into_iter().map(|[a, b]| (a.0 - b.0).hypot(a.1 - b.1)).sum::<f64>()
        };
        assert!((ends(-0.5) - 2.0 * 0.5 * 2f64.sqrt()).abs() < 1e-12);
        assert!((ends(0.5) - 2.0 * 0.5 * 2f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn a_hole_has_no_lines() {
        let mut flat = over(|x, _| x, 3);
        assert_eq!(isoline(&flat, 0.5).len(), 2);
        flat.z[2][2] = None;
        assert_eq!(isoline(&flat, 0.5).len(), 1);
    }
}
