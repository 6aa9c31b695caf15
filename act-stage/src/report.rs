//! Reports: the JSON that stages write with `--report` and `act-eval --json` prints. Schema 1.
//!
//! A report is what all stages say ([`Report`]) and beside it, on the same level, what one stage has to
//! say, its details: [`PruningDetails`], [`TrainingDetails`], [`QuantisationDetails`],
//! [`AccuracyDetails`], [`BenchDetails`], [`ComparisonDetails`]. Whoever reads a report reads it into
//! the type that wrote it, so a field's name stands in one place.
//!
//! Scripts rely on these names; add fields, never rename one. What a field added later lacks in files
//! of before has a default here; fields of tomorrow are skipped.

mod accuracy_promise;
mod aware;
mod classes;
mod comparison;
mod cut;
mod differences;
mod envelope;
mod host;
mod input_costs;
mod latency;
mod lineage;
mod pruning;
mod quantisation;
mod read;
mod subject;
mod training;

pub use accuracy_promise::{AccuracyPromise, PromiseJudge, Trial, Tried};
pub use aware::{
    Agreement, AwareEvaluation, AwareOutcome, AwareScore, AwareTraining, HowQuantised, KeptModel,
    TrainedSummary, WhyQuantised,
};
pub use classes::{ClassCount, ClassLoss, ComparedClass, Figure, FigureDifference};
pub use comparison::{
    AccuracyDetails, BenchDetails, ComparedModel, ComparisonDetails, Majority, Operator, Reference,
    TrainingCourse,
};
pub use cut::Cut;
pub use differences::{
    Change, Changes, Confusion, ConfusionCell, GroupedInterval, PairedDifference,
};
pub use envelope::{NoDetails, Report, SCHEMA, SYNTHETIC_NOTICE};
pub use host::Host;
pub use input_costs::{InputCost, InputCosts, SchemeCost};
pub use latency::{LatencyReport, Padding, Speedup};
pub use lineage::{InputReport, StageReport};
pub use pruning::{
    FamilyIndex, FamilyMember, Goal, LatencySetting, Promise, PrunedLayer, Pruning, PruningDetails,
    VocabularyCut,
};
pub use quantisation::{
    ActivationReport, Attempt, GroupLimitReport, InputSite, JudgeReport, LinearReport,
    Quantisation, QuantisationDetails, QuantisationTrial, QuantisedLinear, QuantisedTable,
};
pub use read::{load, parse, read};
pub use subject::{DatasetReport, LayerReport, ModelReport};
pub use training::{
    Evaluation, Fit, LossPoint, MetricChange, Training, TrainingDetails, Validation,
};
