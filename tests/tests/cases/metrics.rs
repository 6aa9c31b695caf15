//! Figures beside accuracy: a class that is lost is seen.

use super::case;

#[test]
fn placeholder() {
    let _ = case("data/gate-minority-class");
}
