//! What training minimises, as plain data: the losses, their weights and the places in the teacher
//! that they look at. Stages choose them; nothing here computes.

use act_core::{Linear, Site};

/// Losses and their weights; the total is their weighted sum. A weight of 0 switches a loss off.
#[derive(Debug, Clone, PartialEq)]
pub struct Objective {
    /// Loss with the right answers: cross-entropy of the classes; binary cross-entropy, the mean over
    /// labels; squared error of the score.
    pub labels: f64,
    /// What weighs more in it than other answers.
    pub emphasis: Emphasis,
    /// Mean squared error with the teacher's logits (Ba & Caruana 2014, section 2.2; PaddleSlim's
    /// distillation loss).
    pub logits: f64,
    /// Divergence from the teacher's softened probabilities; of several labels that of each alone, the
    /// mean over labels. A score has none.
    pub soft_labels: SoftLabels,
    /// Mean squared error with the teacher's pooled output, the classifier's input.
    pub pooled: f64,
    /// Mean squared error with the teacher's hidden states.
    pub hidden: Hidden,
    /// Divergence from the teacher's self-attention relations.
    pub relations: Relations,
}

/// What of the right answers weighs more in the loss with them.
#[derive(Debug, Clone, PartialEq)]
pub struct Emphasis {
    /// A weight for each class, of several labels for the texts that have it; empty: all 1. The loss stays
    /// a mean over examples, whatever their weights.
    pub weights: Vec<f64>,
    /// The focal loss's gamma (Lin et al. 2017, section 3.2): each term times `(1 - p)^gamma`, so that
    /// what is nearly certain weighs little; 0: none.
    pub focal: f64,
}

impl Emphasis {
    /// True if no answer weighs more than another.
    pub fn is_none(&self) -> bool {
        self.weights.is_empty() && self.focal == 0.0
    }

    /// On nothing.
    pub const NONE: Emphasis = Emphasis {
        weights: Vec::new(),
        focal: 0.0,
    };
}

/// KL divergence of probabilities at a temperature, times its square (Hinton et al. 2015, section 2).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SoftLabels {
    /// Weight.
    pub weight: f64,
    /// What logits are divided by on both sides, above 0.
    pub temperature: f64,
}

/// Layer-mapped hidden states (Sun et al. 2019, section 3; Jiao et al. 2020, equation 8, without
/// their projection: both widths must be the same). The mean over `pairs`.
#[derive(Debug, Clone, PartialEq)]
pub struct Hidden {
    /// Weight.
    pub weight: f64,
    /// Which layers are compared.
    pub pairs: Vec<LayerPair>,
}

/// A student's layer and the teacher's layer that it is to be like, both counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerPair {
    /// The student's.
    pub student: usize,
    /// The teacher's.
    pub teacher: usize,
    /// Which tokens are compared: only the classified ones where either layer is a model's last,
    /// of which nothing else is computed.
    pub rows: Rows,
}

/// Multi-head self-attention relations (Wang et al. 2021, "MiniLMv2", section 3.1): query-query,
/// key-key, value-value. The mean over `pairs`.
#[derive(Debug, Clone, PartialEq)]
pub struct Relations {
    /// Weight.
    pub weight: f64,
    /// Relation heads: into how many equal parts the concatenated heads are cut on both sides. It
    /// divides both widths, which themselves may differ.
    pub heads: usize,
    /// Student's and teacher's projections that are compared; of a last layer, never the query.
    pub pairs: Vec<(Linear, Linear)>,
}

/// Which rows of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rows {
    /// One a token.
    All,
    /// One a sequence, that of its first, classified token.
    First,
}

/// Two sites that a loss compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comparison {
    /// In the student.
    pub student: Site,
    /// In the teacher.
    pub teacher: Site,
    /// Of both.
    pub rows: Rows,
}

impl Objective {
    /// The loss with the right answers alone.
    pub const LABELS: Objective = Objective {
        labels: 1.0,
        emphasis: Emphasis::NONE,
        logits: 0.0,
        soft_labels: SoftLabels {
            weight: 0.0,
            temperature: 1.0,
        },
        pooled: 0.0,
        hidden: Hidden {
            weight: 0.0,
            pairs: Vec::new(),
        },
        relations: Relations {
            weight: 0.0,
            heads: 1,
            pairs: Vec::new(),
        },
    };

    /// True if the teacher's logits are needed.
    pub fn wants_logits(&self) -> bool {
        self.logits != 0.0 || self.soft_labels.weight != 0.0
    }

    /// True if values inside the teacher are needed, beside its logits.
    pub fn looks_inside(&self) -> bool {
        self.pooled != 0.0 || self.hidden.weight != 0.0 || self.relations.weight != 0.0
    }

    /// The sites at which student and teacher are compared, in the order in which
    /// [`crate::TeacherFeatures`] gives their values; empty if its logits are enough.
    pub fn comparisons(&self) -> Vec<Comparison> {
        let mut comparisons = Vec::new();
        if self.pooled != 0.0 {
            comparisons.push(Comparison::POOLED);
        }
        if self.hidden.weight != 0.0 {
            comparisons.extend(self.hidden.pairs.iter().map(LayerPair::comparison));
        }
        if self.relations.weight != 0.0 {
            let pairs = self.relations.pairs.iter();
            comparisons.extend(pairs.map(|&(student, teacher)| Comparison {
                student: Site::Projection(student),
                teacher: Site::Projection(teacher),
                rows: Rows::All,
            }));
        }
        comparisons
    }
}

impl Comparison {
    const POOLED: Comparison = Comparison {
        student: Site::Input(Linear::Classifier),
        teacher: Site::Input(Linear::Classifier),
        rows: Rows::First,
    };
}

impl LayerPair {
    fn comparison(&self) -> Comparison {
        Comparison {
            student: Site::Hidden(self.student),
            teacher: Site::Hidden(self.teacher),
            rows: self.rows,
        }
    }
}
