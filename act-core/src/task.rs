//! The tasks that are built in, by name: the one list of them. What their files hold is act-data's to
//! say; data of one's own may bear any other name.

use crate::named;

named! {
    /// A built-in task: CLUE's seven in the order of the reference's table, then GLUE's. Names are in
    /// lower case, without hyphens.
    #[allow(missing_docs)]
    pub enum BuiltIn {
        Afqmc = "afqmc",
        Tnews = "tnews",
        Iflytek = "iflytek",
        Cmnli = "cmnli",
        Ocnli = "ocnli",
        Cluewsc2020 = "cluewsc2020",
        Csl = "csl",
        Cola = "cola",
        Sst2 = "sst2",
        Mrpc = "mrpc",
        Stsb = "stsb",
        Qqp = "qqp",
        Mnli = "mnli",
        Qnli = "qnli",
        Rte = "rte",
        Wnli = "wnli",
    }
}

impl BuiltIn {
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
        use BuiltIn::{Afqmc, Cluewsc2020, Cmnli, Csl, Iflytek, Ocnli, Tnews};
        matches!(
            self,
            Afqmc | Tnews | Iflytek | Cmnli | Ocnli | Cluewsc2020 | Csl
        )
    }

    /// Whether a text of it is two, one beside the other.
    pub fn is_pair(self) -> bool {
        use BuiltIn::{Cluewsc2020, Cola, Iflytek, Sst2, Tnews};
        !matches!(self, Tnews | Iflytek | Cluewsc2020 | Cola | Sst2)
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
        assert_eq!(BuiltIn::named("STS-B"), Some(BuiltIn::Stsb));
        assert_eq!(BuiltIn::named("boolq"), None);
    }
}
