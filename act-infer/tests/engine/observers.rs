//! Observers see every site once and change nothing.

use std::collections::BTreeMap;

use act_core::testing::TinyInt8;
use act_core::{Batch, ErrorKind, Linear, Site};
use act_infer::{Engine, Observer};

use super::{batch, tiny};

/// Remembers how many rows and columns each site had, in order.
#[derive(Default)]
struct Shapes {
    order: Vec<Site>,
    shapes: BTreeMap<Site, (usize, usize)>,
    values: BTreeMap<Site, Vec<f32>>,
}

impl Observer for Shapes {
    fn observe(&mut self, site: Site, values: &[f32], columns: usize) {
        self.order.push(site);
        let shape = (values.len() / columns, columns);
        assert!(self.shapes.insert(site, shape).is_none(), "{site} twice");
        self.values.insert(site, values.to_vec());
    }
}

#[test]
fn an_observer_sees_every_site_once_and_changes_nothing() {
    let engine = Engine::new(tiny(None)).unwrap();
    let batch = batch(&[5, 30, 32, 32, 32, 9]); // More than one block.
    let mut seen = Shapes::default();
    let logits = engine.forward_observed(&batch, &mut seen).unwrap();
    assert_eq!(logits, engine.forward(&batch).unwrap());
    assert_eq!(seen.values[&Site::Logits], logits.concat());

    let (tokens, sequences) = (batch.tokens(), 6);
    // Layer 0: 2 heads of 4, 12 neurons. Layer 1, the last: 1 head of 4, 7 neurons.
    let expected = [
        (Site::EmbeddingsOutput, (tokens, 8)),
        (Site::Input(Linear::Query(0)), (tokens, 8)),
        (Site::Projection(Linear::Query(0)), (tokens, 8)),
        (Site::Input(Linear::Key(0)), (tokens, 8)),
        (Site::Projection(Linear::Key(0)), (tokens, 8)),
        (Site::Input(Linear::Value(0)), (tokens, 8)),
        (Site::Projection(Linear::Value(0)), (tokens, 8)),
        (Site::Heads(0), (tokens, 8)),
        (Site::Input(Linear::AttentionOutput(0)), (tokens, 8)),
        (Site::Input(Linear::Intermediate(0)), (tokens, 8)),
        (Site::Intermediate(0), (tokens, 12)),
        (Site::Input(Linear::Output(0)), (tokens, 12)),
        (Site::Hidden(0), (tokens, 8)),
        (Site::Input(Linear::Query(1)), (sequences, 8)),
        (Site::Projection(Linear::Query(1)), (sequences, 4)),
        (Site::Input(Linear::Key(1)), (tokens, 8)),
        (Site::Projection(Linear::Key(1)), (tokens, 4)),
        (Site::Input(Linear::Value(1)), (tokens, 8)),
        (Site::Projection(Linear::Value(1)), (tokens, 4)),
        (Site::Heads(1), (sequences, 4)),
        (Site::Input(Linear::AttentionOutput(1)), (sequences, 4)),
        (Site::Input(Linear::Intermediate(1)), (sequences, 8)),
        (Site::Intermediate(1), (sequences, 7)),
        (Site::Input(Linear::Output(1)), (sequences, 7)),
        (Site::Hidden(1), (sequences, 8)),
        (Site::Input(Linear::Pooler), (sequences, 8)),
        (Site::Input(Linear::Classifier), (sequences, 8)),
        (Site::Logits, (sequences, 3)),
    ];
    assert_eq!(seen.order, expected.map(|(site, _)| site));
    for (site, shape) in expected {
        assert_eq!(seen.shapes[&site], shape, "{site}");
    }
    assert_eq!(
        seen.values[&Site::Heads(0)],
        seen.values[&Site::Input(Linear::AttentionOutput(0))]
    );
    assert_eq!(
        seen.values[&Site::Hidden(0)],
        seen.values[&Site::Input(Linear::Key(1))]
    );
}

#[test]
fn layer_by_layer_is_the_same_pass() {
    let engine = Engine::new(tiny(None)).unwrap();
    let batch = batch(&[5, 30, 32, 32, 32, 9]);
    let mut whole = Shapes::default();
    let logits = engine.forward_observed(&batch, &mut whole).unwrap();
    let mut stream = engine.embed(&batch).unwrap();
    assert_eq!(stream.values(), whole.values[&Site::EmbeddingsOutput]);
    let mut seen = Shapes::default();
    for layer in 0..2 {
        assert_eq!(engine.finish(&batch, stream.clone()).unwrap(), logits);
        engine.step(&batch, &mut stream, Some(&mut seen)).unwrap();
        assert_eq!(stream.values(), whole.values[&Site::Hidden(layer)]);
    }
    assert_eq!(engine.finish(&batch, stream.clone()).unwrap(), logits);
    for (site, values) in &seen.values {
        assert_eq!(values, &whole.values[site], "{site}");
    }
    assert!(
        engine.step(&batch, &mut stream, None).is_err(),
        "no layer is left"
    );
    let mut other = engine.embed(&batch).unwrap();
    let fewer = Batch::new(&[]);
    assert!(engine.step(&fewer, &mut other, None).is_err());
    assert!(engine.finish(&fewer, stream).is_err());
}

#[test]
fn a_quantised_model_is_not_observed() {
    let engine = Engine::new(tiny(Some(TinyInt8::default()))).unwrap();
    let error = engine
        .forward_observed(&batch(&[3]), &mut Shapes::default())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    let batch = batch(&[5, 9]);
    let mut stream = engine.embed(&batch).unwrap();
    let observed = engine.step(&batch, &mut stream, Some(&mut Shapes::default()));
    assert_eq!(observed.unwrap_err().kind(), ErrorKind::Usage);
    // Unobserved it goes layer by layer too.
    engine.step(&batch, &mut stream, None).unwrap();
    let logits = engine.finish(&batch, stream).unwrap();
    assert_eq!(logits, engine.forward(&batch).unwrap());
}
