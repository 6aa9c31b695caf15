//! QUAN, schema 2.

use bincode::{Decode, Encode};

use super::choice::Choice;
use crate::artifact::wire::codes::{self, Coded};
use crate::artifact::wire::v1;
use crate::error::{Error, Result};
use crate::quant::{
    ActivationScheme, Calibrator, GroupLimit, LinearQuant, QuantSpec, TableQuant, WeightBits,
};

/// Behind a layer's name that of the site of its attention.
const PRODUCTS: &str = ".attention.products";

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
        let mut sites: Vec<QuantSite> = quant.linears.iter().map(site).collect::<Result<_>>()?;
        for &layer in &quant.attention {
            sites.push(QuantSite::attention(layer)?);
        }
        Ok(Self {
            sites,
            tables: quant.embeddings.iter().map(table).collect::<Result<_>>()?,
        })
    }
}

impl QuantSite {
    /// The products of a layer's attention: no linear, but quantised like one. There is one way to spell
    /// it, which readers hold every file to.
    fn attention(layer: usize) -> Result<Self> {
        Ok(Self {
            linear: format!("layer.{layer}{PRODUCTS}"),
            weight_scheme: Choice::new(codes::ATTENTION, &[], &[])?,
            weight_max: 127,
            group_limit: None,
            activation: Choice::new(codes::DYNAMIC_PER_TOKEN, &[], &[])?,
            activation_max: 127,
            input_multiplier: false,
            calibrator: None::<Calibrator>.code(),
            calibrator_arg: 0.0,
        })
    }

    /// The layer whose attention it is; `None`: a linear.
    fn attention_layer(&self) -> Result<Option<usize>> {
        let name = self.linear.strip_prefix("layer.");
        let Some(layer) = name.and_then(|name| name.strip_suffix(PRODUCTS)) else {
            return Ok(None);
        };
        let layer = layer.parse().map_err(|_| {
            let name: String = self.linear.chars().take(100).collect();
            Error::rejected(format!("{name:?} is no site"))
        })?;
        match self.weight_scheme.open() {
            (codes::ATTENTION, [], []) => Ok(Some(layer)),
            _ => Err(self
                .weight_scheme
                .refuse("scheme of attention", codes::ATTENTION)),
        }
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
        let table = |table: QuantTable| {
            let bits = table.scheme.bits("table scheme")?;
            let table = v1::parse(&table.table)?;
            Ok(TableQuant { table, bits })
        };
        let (mut linears, mut attention) = (Vec::new(), Vec::new());
        for (i, site) in wire.sites.into_iter().enumerate() {
            let in_site = |e: Error| e.context(format!("site {i}"));
            match site.attention_layer().map_err(in_site)? {
                Some(layer) => attention.push(layer),
                None => linears.push(LinearQuant::try_from(site).map_err(in_site)?),
            }
        }
        Ok(Self {
            linears,
            attention,
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
