//! A model layer by layer: for those who change a layer and want to see what becomes of it
//! without computing again what comes before.

use act_core::{Batch, Error, Result};

use super::Engine;
use crate::encoder;
use crate::observer::Observer;
use crate::sequences::Sequences;

/// The residual stream of a batch between two layers. Models of one width may continue each
/// other's.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    /// Layers behind it.
    layer: usize,
    /// `[tokens, hidden]`; behind the last layer `[sequences, hidden]`, what the head reads.
    values: Vec<f32>,
}

impl Stream {
    /// `[tokens, hidden]`; behind the last layer `[sequences, hidden]`, what the head reads.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Layers of `engine` that are ahead of it.
    pub fn layers_left(&self, engine: &Engine) -> usize {
        engine.plan().layers.len().saturating_sub(self.layer)
    }
}

impl Engine {
    /// The stream before the first layer. Errors: as [`Engine::forward`].
    pub fn embed(&self, batch: &Batch) -> Result<Stream> {
        self.check(batch)?;
        let mut session = self.session();
        let values = encoder::embed(&self.model, Sequences::of(batch), session.workspace());
        self.keep(session);
        Ok(Stream { layer: 0, values })
    }

    /// Takes the stream of `batch` through the next layer; `observer` sees that layer's sites, as
    /// in [`Engine::forward_observed`]. Errors: no layer is left; a quantised model and an observer; the
    /// stream of another batch or width.
    pub fn step(
        &self,
        batch: &Batch,
        stream: &mut Stream,
        observer: Option<&mut dyn Observer>,
    ) -> Result<()> {
        self.check(batch)?;
        let hidden = self.plan().hidden_size;
        let fits = stream.values.len() == batch.tokens() * hidden;
        let observes = observer.is_some() && !self.quant().is_empty();
        if !fits || stream.layer >= self.plan().layers.len() || observes {
            return Err(Error::usage(
                "a step takes a model with a layer left, in float if it is observed, and the stream of \
                 its batch",
            ));
        }
        let mut session = self.session();
        encoder::step(
            &self.model,
            stream.layer,
            Sequences::of(batch),
            session.workspace(),
            observer,
            &mut stream.values,
        );
        stream.layer += 1;
        self.keep(session);
        Ok(())
    }

    /// Takes the stream of `batch` through the layers that are left: class scores, one row a
    /// sequence. Errors: as [`Engine::step`].
    pub fn finish(&self, batch: &Batch, mut stream: Stream) -> Result<Vec<Vec<f32>>> {
        while stream.layer < self.plan().layers.len() {
            self.step(batch, &mut stream, None)?;
        }
        if stream.values.len() != batch.sequences() * self.plan().hidden_size {
            return Err(Error::usage("the stream is not of this batch"));
        }
        let mut logits = vec![0.0; batch.sequences() * self.plan().num_labels];
        let mut session = self.session();
        let workspace = session.workspace();
        encoder::classify(&self.model, &stream.values, workspace, &mut logits);
        self.keep(session);
        Ok(self.rows(&logits))
    }
}
