//! QUAN, schema 2.

use bincode::{Decode, Encode};

use super::choice::Choice;
use crate::artifact::wire::codes::{self, Coded};
use crate::artifact::wire::v1;
use crate::error::{Error, Result};
use crate::quant::{ActivationScheme, GroupLimit, LinearQuant, QuantSpec, TableQuant, WeightBits};

/// QUAN: what is quantised and how.
#[derive(Encode, Decode)]
pub struct Quant {
    sites: Vec<QuantSite>,
    tables: Vec<QuantTable>,
}

#[derive(Encode, Decode)]
struct QuantSite {
    linear: String,
    weight_scheme: Choice,
    weight_max: u8,
    group_limit: Option<(u8, u16)>,
    activation: Choice,
    activation_max: u8,
    input_multiplier: bool,
    calibrator: u16,
    calibrator_arg: f32,
}

#[derive(Encode, Decode)]
struct QuantTable {
    table: String,
    scheme: Choice,
}

impl Quant {
    /// To the wire.
    pub fn new(quant: &QuantSpec) -> Result<Self> {
        let table = |q: &TableQuant| {
            Ok(QuantTable {
                table: q.table.to_string(),
                scheme: Choice::of_bits(q.bits)?,
            })
        };
        let site = |q: &LinearQuant| {
            let activation = match q.activation {
                ActivationScheme::Static { scale, zero_point } => {
                    Choice::new(codes::STATIC, &[zero_point.into()], &[scale])?
                }
                ActivationScheme::DynamicPerToken => {
                    Choice::new(codes::DYNAMIC_PER_TOKEN, &[], &[])?
                }
            };
            Ok(QuantSite {
                linear: q.linear.to_string(),
                weight_scheme: Choice::of_bits(q.bits)?,
                weight_max: q.weight_max,
                group_limit: q.group_limit.map(|limit| (limit.size, limit.max)),
                activation,
                activation_max: q.activation_max,
                input_multiplier: q.input_multiplier,
                calibrator: q.calibrator.code(),
                calibrator_arg: q.calibrator_arg,
            })
        };
        Ok(Self {
            sites: quant.linears.iter().map(site).collect::<Result<_>>()?,
            tables: quant.embeddings.iter().map(table).collect::<Result<_>>()?,
        })
    }
}

impl TryFrom<QuantSite> for LinearQuant {
    type Error = Error;

    fn try_from(site: QuantSite) -> Result<Self> {
        let bits = site.weight_scheme.bits("weight scheme")?;
        let activation = match site.activation.open() {
            (codes::STATIC, &[zero_point], &[scale]) => ActivationScheme::Static {
                scale,
                zero_point: u8::try_from(zero_point)
                    .map_err(|_| Error::rejected(format!("zero point {zero_point}")))?,
            },
            (codes::DYNAMIC_PER_TOKEN, [], []) => ActivationScheme::DynamicPerToken,
            _ => {
                let last = codes::DYNAMIC_PER_TOKEN;
                return Err(site.activation.refuse("activation scheme", last));
            }
        };
        let limit = |(size, max)| GroupLimit { size, max };
        Ok(Self {
            linear: v1::parse(&site.linear)?,
            weight_max: site.weight_max,
            bits,
            group_limit: site.group_limit.map(limit),
            activation_max: site.activation_max,
            activation,
            input_multiplier: site.input_multiplier,
            calibrator: Coded::from_code(site.calibrator)?,
            calibrator_arg: site.calibrator_arg,
        })
    }
}

impl TryFrom<Quant> for QuantSpec {
    type Error = Error;

    fn try_from(wire: Quant) -> Result<Self> {
        let site = |(i, site): (usize, QuantSite)| {
            LinearQuant::try_from(site).map_err(|e| e.context(format!("site {i}")))
        };
        let table = |table: QuantTable| {
            let bits = table.scheme.bits("table scheme")?;
            let table = v1::parse(&table.table)?;
            Ok(TableQuant { table, bits })
        };
        let sites = wire.sites.into_iter().enumerate();
        Ok(Self {
            linears: sites.map(site).collect::<Result<_>>()?,
            embeddings: wire.tables.into_iter().map(table).collect::<Result<_>>()?,
        })
    }
}

impl Choice {
    fn of_bits(bits: WeightBits) -> Result<Self> {
        match bits {
            WeightBits::Eight => Self::new(codes::SYMMETRIC_INT8_PER_ROW, &[], &[]),
            WeightBits::Four { group } => Self::new(codes::FOUR_BITS_IN_GROUPS, &[group], &[]),
        }
    }

    fn bits(&self, what: &str) -> Result<WeightBits> {
        match self.open() {
            (codes::SYMMETRIC_INT8_PER_ROW, [], []) => Ok(WeightBits::Eight),
            (codes::FOUR_BITS_IN_GROUPS, &[group], []) => Ok(WeightBits::Four {
                group: group as usize,
            }),
            _ => Err(self.refuse(what, codes::FOUR_BITS_IN_GROUPS)),
        }
    }
}
