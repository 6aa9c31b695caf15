//! What pruning left, as pictures: for every layer the attention heads, one square each, and the
//! feed-forward neurons as a bar, both against the first model's.

use maud::{Markup, html};

use crate::model::Model;

/// One picture a model.
pub fn pictures(models: &[Model]) -> Markup {
    let Some(first) = models.first() else {
        return html! {};
    };
    let layers = || models.iter().flat_map(|m| &m.plan.layers);
    // A pruned model names the heads it kept by their numbers in the whole model.
    let numbers = layers()
        .flat_map(|l| &l.kept_heads)
        .map(|&h| h as usize + 1);
    let heads = numbers.max().unwrap_or(0);
    let neurons = layers().map(|l| l.intermediate_size).max().unwrap_or(0);
    html! {
        p { "Attention heads (filled: kept) and feed-forward neurons of every layer; full width is "
            (neurons) " neurons." }
        div.models {
            @for model in models { (picture(model, heads, neurons, std::ptr::eq(model, first))) }
        }
    }
}

fn picture(model: &Model, heads: usize, neurons: usize, reference: bool) -> Markup {
    html! {
        div {
            h3 { (model.name) @if reference { " (reference)" } }
            @for (l, layer) in model.plan.layers.iter().enumerate() {
                div.layer {
                    span.number { (l) }
                    span.heads {
                        @for head in 0..heads {
                            i.kept[layer.kept_heads.iter().any(|&k| k as usize == head)] {}
                        }
                    }
                    @let share = 100.0 * layer.intermediate_size as f64 / neurons.max(1) as f64;
                    span.neurons { i style=(format!("width:{share:.1}%")) {} }
                    span.number { (layer.heads()) " / " (layer.intermediate_size) }
                }
            }
        }
    }
}
