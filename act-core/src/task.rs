//! The tasks that are built in, by name: the one list of them. What their files hold is act-data's to
//! say; data of one's own may bear any other name.

/// A built-in task: CLUE's seven in the order of the reference's table, then GLUE's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum BuiltIn {
    Afqmc,
    Tnews,
    Iflytek,
    Cmnli,
    Ocnli,
    Cluewsc2020,
    Csl,
    Sst2,
    Mrpc,
    Rte,
}

impl BuiltIn {
    /// All of them.
    pub const ALL: [BuiltIn; 10] = [
        BuiltIn::Afqmc,
        BuiltIn::Tnews,
        BuiltIn::Iflytek,
        BuiltIn::Cmnli,
        BuiltIn::Ocnli,
        BuiltIn::Cluewsc2020,
        BuiltIn::Csl,
        BuiltIn::Sst2,
        BuiltIn::Mrpc,
        BuiltIn::Rte,
    ];

    /// The name used here: lower case, without hyphens.
    pub fn name(self) -> &'static str {
        match self {
            BuiltIn::Afqmc => "afqmc",
            BuiltIn::Tnews => "tnews",
            BuiltIn::Iflytek => "iflytek",
            BuiltIn::Cmnli => "cmnli",
            BuiltIn::Ocnli => "ocnli",
            BuiltIn::Cluewsc2020 => "cluewsc2020",
            BuiltIn::Csl => "csl",
            BuiltIn::Sst2 => "sst2",
            BuiltIn::Mrpc => "mrpc",
            BuiltIn::Rte => "rte",
        }
    }

    /// The task of a name in any case, with or without hyphens; `cluewsc` for short is accepted, for
    /// PaddleSlim's configurations write it so.
    pub fn named(name: &str) -> Option<Self> {
        let plain = name.to_ascii_lowercase().replace('-', "");
        let plain = match plain.as_str() {
            "cluewsc" | "wsc" => "cluewsc2020",
            other => other,
        };
        Self::ALL.into_iter().find(|task| task.name() == plain)
    }

    /// True for CLUE's.
    pub fn is_clue(self) -> bool {
        !matches!(self, BuiltIn::Sst2 | BuiltIn::Mrpc | BuiltIn::Rte)
    }

    /// Their names for a message: `afqmc, tnews, ...`.
    pub fn list() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_known_by_every_spelling_of_its_name() {
        for task in BuiltIn::ALL {
            assert_eq!(BuiltIn::named(task.name()), Some(task));
        }
        assert_eq!(BuiltIn::named("CLUEWSC"), Some(BuiltIn::Cluewsc2020));
        assert_eq!(BuiltIn::named("SST-2"), Some(BuiltIn::Sst2));
        assert_eq!(BuiltIn::named("qqp"), None);
    }
}
