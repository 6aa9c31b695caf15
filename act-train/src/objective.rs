//! From the losses that the section `Distillation` asks for to the objective of one student and
//! one teacher: which layers are compared, at which tokens, in how many relation heads.
//!
//! Pruning may have taken whole blocks away. Hidden states exist all the same. Relations need the
//! attention block of both layers: without a choice of the user's, the last two that have one.

use act_core::{Error, LayerPlan, Linear, Plan, Result};
use act_nn::{Hidden, LayerPair, Objective, Relations, Rows, SoftLabels};
use act_stage::config::Distillation;

/// Least size of the teacher's relation heads where none is given: MiniLMv2's 48 heads in a width
/// of 768 (Wang et al. 2021, section 4.1).
const RELATION_HEAD_DIM: usize = 16;

/// The objective of fitting `student` to a teacher of the plan `teacher`. `observable` says why
/// the teacher's inner values cannot be had, if so: the automatic combination then does without
/// the losses on them, with a warning; losses asked for by name are an error.
pub fn objective(
    section: &Distillation,
    student: &Plan,
    teacher: &Plan,
    observable: std::result::Result<(), &'static str>,
) -> Result<Objective> {
    let mut weights = section.weights()?;
    if weights.of_teacher() == 0.0 {
        return Err(Error::usage(
            "Distillation: only labels has a weight, so the teacher would teach nothing: name \
             another loss, or leave the teacher out to fine-tune on the labels",
        ));
    }
    let automatic = section.is_automatic();
    if let Err(why) = observable {
        let inner = [
            &mut weights.hidden,
            &mut weights.relations,
            &mut weights.pooled,
        ];
        without(inner, why, automatic)?;
    }
    if student.hidden_size != teacher.hidden_size {
        // Relations are between tokens, whatever the width.
        let why = format!(
            "hidden states of width {} are not comparable with the student's of width {}",
            teacher.hidden_size, student.hidden_size
        );
        without([&mut weights.hidden, &mut weights.pooled], &why, automatic)?;
    }
    let mut objective = Objective {
        labels: weights.labels,
        logits: weights.logits,
        soft_labels: SoftLabels {
            weight: weights.soft_labels,
            temperature: section.temperature(),
        },
        pooled: weights.pooled,
        ..Objective::LABELS
    };
    if weights.hidden != 0.0 {
        objective.hidden = hidden(section, weights.hidden, student, teacher)?;
    }
    if weights.relations != 0.0 {
        objective.relations = relations(section, weights.relations, student, teacher)?;
    }
    Ok(objective)
}

/// Does without losses that cannot be had: an error for those that were asked for by name.
fn without<const N: usize>(losses: [&mut f64; N], why: &str, automatic: bool) -> Result<()> {
    if losses.iter().all(|weight| **weight == 0.0) {
        return Ok(());
    }
    if !automatic {
        return Err(Error::usage(format!(
            "Distillation: the losses hidden, pooled and relations look inside the teacher, and {why}: leave them out \
             (logits, soft_labels and labels remain, and relations where only the width differs)"
        )));
    }
    log::warn!("{why}: learned from are the other losses alone");
    losses.into_iter().for_each(|weight| *weight = 0.0);
    Ok(())
}

/// The losses in a line, with what was chosen for them: `labels 0.5, logits 1, hidden 1 (layers 0-0,
/// 1-3)`.
pub fn describe(objective: &Objective) -> String {
    let pairs: Vec<String> = objective
        .hidden
        .pairs
        .iter()
        .map(|pair| format!("{}-{}", pair.student, pair.teacher))
        .collect();
    let relations: Vec<String> = objective
        .relations
        .pairs
        .iter()
        .map(|(student, teacher)| format!("{student} - {teacher}"))
        .collect();
    let soft = objective.soft_labels;
    let losses = [
        ("labels", objective.labels, String::new()),
        ("logits", objective.logits, String::new()),
        (
            "soft labels",
            soft.weight,
            format!(" (temperature {})", soft.temperature),
        ),
        ("pooled", objective.pooled, String::new()),
        (
            "hidden",
            objective.hidden.weight,
            format!(" (layers {})", pairs.join(", ")),
        ),
        (
            "relations",
            objective.relations.weight,
            format!(
                " ({}; {} heads)",
                relations.join(", "),
                objective.relations.heads
            ),
        ),
    ];
    let on = losses.iter().filter(|(_, weight, _)| *weight != 0.0);
    on.map(|(name, weight, detail)| format!("{name} {weight}{detail}"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Pairs as given, or every layer of the student with the teacher's at the same relative depth:
/// of S layers the i-th, counted from 1, with the teacher's i T / S-th, rounded up (the uniform
/// strategy of Jiao et al. 2020, section 4.1).
fn hidden(section: &Distillation, weight: f64, student: &Plan, teacher: &Plan) -> Result<Hidden> {
    let (ours, theirs) = (student.layers.len(), teacher.layers.len());
    let pairs = match section.hidden_layers()? {
        Some(pairs) => pairs,
        None if theirs == 0 => Vec::new(),
        None => (0..ours)
            .map(|l| [l, same_depth(l, ours, theirs)])
            .collect(),
    };
    let pair = |&[student, teacher]: &[usize; 2]| {
        in_range("layers", "student", student, ours)?;
        in_range("layers", "teacher", teacher, theirs)?;
        let last = student + 1 == ours || teacher + 1 == theirs;
        Ok(LayerPair {
            student,
            teacher,
            rows: if last { Rows::First } else { Rows::All },
        })
    };
    let pairs = pairs.iter().map(pair).collect::<Result<Vec<_>>>()?;
    if pairs.is_empty() {
        return Err(Error::usage(
            "Distillation.hidden: one of the two models has no layer",
        ));
    }
    Ok(Hidden { weight, pairs })
}

fn same_depth(layer: usize, ours: usize, theirs: usize) -> usize {
    ((layer + 1) * theirs).div_ceil(ours) - 1
}

/// The relations of one pair of layers: query-query, key-key, value-value; without query-query if
/// either is a last layer, whose queries are computed for the classified token only.
fn relations(
    section: &Distillation,
    weight: f64,
    student: &Plan,
    teacher: &Plan,
) -> Result<Relations> {
    let [ours, theirs] = match section.relation_layers {
        Some(pair) => pair,
        None => [
            last_attending("student", student)?,
            last_attending("teacher", teacher)?,
        ],
    };
    let ours_plan = attending("student", student, ours)?;
    let theirs_plan = attending("teacher", teacher, theirs)?;
    let heads = relation_heads(section, ours_plan, theirs_plan)?;
    let mut pairs = vec![
        (Linear::Key(ours), Linear::Key(theirs)),
        (Linear::Value(ours), Linear::Value(theirs)),
    ];
    if ours + 1 < student.layers.len() && theirs + 1 < teacher.layers.len() {
        pairs.insert(0, (Linear::Query(ours), Linear::Query(theirs)));
    }
    Ok(Relations {
        weight,
        heads,
        pairs,
    })
}

/// The last layer with heads, the very last only if there is no other.
fn last_attending(whose: &str, plan: &Plan) -> Result<usize> {
    let attends = |l: &usize| plan.layers[*l].attention_width() > 0;
    let earlier = 0..plan.layers.len().saturating_sub(1);
    let found = earlier.rev().find(attends);
    found
        .or_else(|| (0..plan.layers.len()).rfind(attends))
        .ok_or_else(|| {
            Error::usage(format!(
                "Distillation.relations: the {whose} has no attention head left"
            ))
        })
}

fn attending<'a>(whose: &str, plan: &'a Plan, layer: usize) -> Result<&'a LayerPlan> {
    in_range("relation_layers", whose, layer, plan.layers.len())?;
    let layer_plan = &plan.layers[layer];
    match layer_plan.attention_width() {
        0 => Err(Error::usage(format!(
            "Distillation.relation_layers: layer {layer} of the {whose} has no attention head left"
        ))),
        _ => Ok(layer_plan),
    }
}

/// As given, or as many as divide both widths and leave the teacher's [`RELATION_HEAD_DIM`].
fn relation_heads(section: &Distillation, ours: &LayerPlan, theirs: &LayerPlan) -> Result<usize> {
    let widths = [ours.attention_width(), theirs.attention_width()];
    let divides = |heads: usize| widths.iter().all(|width| width.is_multiple_of(heads));
    match section.relation_heads {
        Some(heads) if divides(heads) => Ok(heads),
        Some(heads) => Err(Error::usage(format!(
            "Distillation.relation_heads: {heads} does not divide the widths {} (student) and {} \
             (teacher)",
            widths[0], widths[1]
        ))),
        None => {
            let most = (widths[1] / RELATION_HEAD_DIM).max(1);
            Ok((1..=most).rev().find(|&heads| divides(heads)).unwrap_or(1))
        }
    }
}

fn in_range(key: &str, whose: &str, layer: usize, layers: usize) -> Result<()> {
    if layer < layers {
        return Ok(());
    }
    Err(Error::usage(format!(
        "Distillation.{key}: the {whose} has no layer {layer}: it has {layers}, counted from 0"
    )))
}
