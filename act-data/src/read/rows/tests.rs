use super::*;

const TABS: Shape = Shape::Table {
    delimiter: b'\t',
    quotes: None,
    ragged: false,
};

fn rows(text: &'static str, shape: Shape) -> Rows {
    Rows::of(text.as_bytes(), Path::new("f"), shape).unwrap()
}

fn error<T>(result: Result<T>) -> String {
    result.err().expect("an error").to_string()
}

#[test]
fn a_header_has_each_wanted_column_once() {
    let header = |line: &str, wanted: &[&str]| {
        header(line.split('\t').map(str::to_string).collect(), wanted)
    };
    let columns = header("a\tb\t\t", &["b", "a"]).unwrap();
    assert_eq!(columns, ["a", "b", "", ""]);
    let error = |line, wanted: &str| error(header(line, &[wanted]));
    assert_eq!(error("a\tb\ta", "a"), "two columns are called \"a\"");
    let upper = error("Text\tLabel", "text");
    assert!(
        upper.contains("its columns are Text, Label; is \"Text\" meant?; there is no \"text\""),
        "{upper}"
    );
    let data = error("今天很好\t1", "text");
    assert!(
        data.starts_with("the first line is taken as the header"),
        "{data}"
    );
    assert!(error("", "text").contains("there is no \"text\""));
    // A number is a position, unless a column is called so.
    assert_eq!(header("a\tb\tc", &["3"]).unwrap(), ["a", "b", "3"]);
    assert_eq!(header("2\tb\tc", &["2"]).unwrap(), ["2", "b", "c"]);
    assert!(error("a\tb", "3").contains("there is no \"3\""));
}

#[test]
fn columns_without_a_header_are_numbered_from_1() {
    let mut table = rows("good\t字\nbad\t花\n", TABS);
    table.numbered(&["2", "1"]).unwrap();
    let row = table.next_row().unwrap().unwrap().unwrap();
    assert_eq!(
        (row.text("1").unwrap(), row.text("2").unwrap()),
        ("good", "字")
    );
    assert_eq!(table.place(), "f:1");
    let row = table.next_row().unwrap().unwrap().unwrap();
    assert_eq!(row.text("2").unwrap(), "花");
    let wrong = |wanted: &str| error(rows("a\tb\n", TABS).numbered(&[wanted]));
    assert_eq!(wrong("3"), "f:1: 2 columns, and the column 3 is wanted");
    assert!(
        wrong("text").starts_with("f:1: without a header, columns are called by their numbers")
    );
    assert!(wrong("0").contains("from 1, not \"0\""));
}

#[test]
fn rows_of_other_lengths_are_wrong_unless_they_are_expected() {
    let text = "a\tb\nc\nd\te\tf\n";
    let mut strict = rows(text, TABS);
    strict.numbered(&[]).unwrap();
    strict.next_row().unwrap();
    let wrong = |rows: &mut Rows| error(rows.next_row().unwrap().unwrap());
    assert_eq!(
        wrong(&mut strict),
        "f:2: 1 columns, but the first row has 2"
    );
    assert_eq!(
        wrong(&mut strict),
        "f:3: 3 columns, but the first row has 2"
    );
    let mut ragged = rows(
        text,
        Shape::Table {
            delimiter: b'\t',
            quotes: None,
            ragged: true,
        },
    );
    ragged.numbered(&["3"]).unwrap();
    let counts: Vec<usize> = std::iter::from_fn(|| ragged.next_row().unwrap())
        .map(|row| row.unwrap().names().count())
        .collect();
    assert_eq!(counts, [2, 1, 3]);
}

#[test]
fn the_first_row_can_be_looked_at() {
    let mut json = rows("{\"a\": 1, \"b\": 2}\n{\"c\": 3}\n", Shape::Json);
    assert_eq!(json.look().unwrap(), ["a", "b"]);
    assert_eq!(json.look().unwrap(), ["a", "b"]);
    json.header(&["a"]).unwrap();
    let mut names = Vec::new();
    while let Some(row) = json.next_row().unwrap() {
        names.push(row.unwrap().names().count());
    }
    assert_eq!(names, [2, 1]);
    assert!(rows("", TABS).look().unwrap().is_empty());
}

#[test]
fn a_list_is_told_from_lines_and_one_object_is_refused() {
    let mut list = rows("\u{feff} [\n{\"a\": 1},\n{\"a\": }]", Shape::Json);
    assert!(list.next_row().unwrap().unwrap().is_ok());
    let wrong = error(list.next_row().unwrap().unwrap());
    assert!(
        wrong.starts_with("f:3: not JSON: expected value"),
        "{wrong}"
    );
    assert!(list.next_row().unwrap().is_none());
    let object = error(rows("{\n\"a\": 1\n}\n", Shape::Json).next_row());
    assert!(
        object.starts_with("f:1: one JSON object a line is read"),
        "{object}"
    );
}
