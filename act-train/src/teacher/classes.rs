//! The teacher's classes in the student's order: matched by name, so that two models whose label
//! lists are permutations of each other still understand each other.

use act_core::{Error, Result};

/// For each of the student's classes the teacher's class of the same name. Errors: the two do not
/// have the same names.
pub fn matching(student: &[String], teacher: &[String]) -> Result<Vec<usize>> {
    let order = student
        .iter()
        .map(|name| {
            teacher.iter().position(|t| t == name).ok_or_else(|| {
                Error::usage(format!(
                    "the teacher has no label {name:?} ({}): it was made for other classes",
                    teacher.join(", ")
                ))
            })
        })
        .collect::<Result<Vec<_>>>()?;
    match teacher.iter().find(|name| !student.contains(name)) {
        Some(name) => Err(Error::usage(format!(
            "the teacher has a label {name:?} that the student lacks ({})",
            student.join(", ")
        ))),
        None => Ok(order),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| s.to_string()).collect()
    }

    #[test]
    fn permutations_match_by_name() {
        let student = names(&["no", "yes", "maybe"]);
        assert_eq!(matching(&student, &student).unwrap(), [0, 1, 2]);
        let teacher = names(&["maybe", "no", "yes"]);
        assert_eq!(matching(&student, &teacher).unwrap(), [1, 2, 0]);
    }

    #[test]
    fn other_classes_are_refused_by_name() {
        let refused = |student: &[&str], teacher: &[&str]| {
            let error = matching(&names(student), &names(teacher)).unwrap_err();
            assert_eq!(error.kind(), act_core::ErrorKind::Usage);
            error.to_string()
        };
        assert!(refused(&["0", "1"], &["0", "2"]).contains("\"1\""));
        assert!(refused(&["0", "1"], &["0", "1", "2"]).contains("\"2\""));
    }
}
