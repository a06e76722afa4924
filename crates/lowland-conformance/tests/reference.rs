//! The oracle as a backend passes the suite, and every op is in it.

use lowland_conformance::{Reference, check};

#[test]
fn the_reference_conforms() {
    let report = check(&Reference::new());
    println!("{report}");
    assert!(report.passed(), "{report}");
    // 31 variants, of which Unary and its gradient count as six names each, Binary as four, Reduce as
    // three, pooling, softmax and their gradients as two each, and the four batch norms as three each;
    // then the five checks that are no op.
    assert_eq!(report.rows().len(), 31 + 2 * 5 + 3 + 2 + 4 + 4 * 2 + 5);
    assert!(report.rows().iter().all(|row| row.checked > 0 && row.unsupported == 0), "{report}");
    let all: usize = report.rows().iter().map(|row| row.checked).sum();
    assert!(all > 1500, "{all}");
}
