//! Names in use for columns, files and tasks.

use std::path::Path;

/// Columns of labels, the surest first.
pub(super) const LABELS: [&str; 29] = [
    "label",
    "labels",
    "gold_label",
    "category",
    "categories",
    "class",
    "target",
    "intent",
    "sentiment",
    "emotion",
    "emotions",
    "topic",
    "is_duplicate",
    "quality",
    "score",
    "similarity",
    "stars",
    "rating",
    "tag",
    "tags",
    "type",
    "answer",
    "y",
    "标签",
    "类别",
    "分类",
    "情感",
    "意图",
    "评分",
];

/// Columns of pairs, the surest first.
pub(super) const PAIRS: [[&str; 2]; 12] = [
    ["sentence1", "sentence2"],
    ["premise", "hypothesis"],
    ["question1", "question2"],
    ["text_a", "text_b"],
    ["text1", "text2"],
    ["query1", "query2"],
    ["q1", "q2"],
    ["s1", "s2"],
    ["text", "text_pair"],
    ["question", "sentence"],
    ["query", "title"],
    ["句子1", "句子2"],
];

/// Columns of texts, the surest first.
pub(super) const TEXTS: [&str; 26] = [
    "text",
    "sentence",
    "review",
    "content",
    "question",
    "query",
    "utterance",
    "comment",
    "document",
    "body",
    "message",
    "tweet",
    "title",
    "description",
    "abstract",
    "input",
    "instruction",
    "text_a",
    "sentence1",
    "文本",
    "内容",
    "评论",
    "句子",
    "标题",
    "正文",
    "问题",
];

/// The column of `there` that is called `name`, in any case.
pub(super) fn column<'a>(there: &'a [String], name: &str) -> Option<&'a String> {
    let same = |column: &&String| column.trim().to_lowercase() == name;
    let mut found = there.iter().filter(same);
    found.next().filter(|_| found.next().is_none())
}

/// Whether a name is in use for columns.
pub(super) fn is_known(name: &str) -> bool {
    let name = name.trim().to_lowercase();
    let pairs = PAIRS.iter().flatten();
    LABELS
        .iter()
        .chain(&TEXTS)
        .chain(pairs)
        .any(|known| *known == name)
}

/// What to call the task: as asked for, or as the folder is.
pub(super) fn task(dir: &Path, asked: Option<&str>) -> String {
    let folder = std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf());
    let folder = folder
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let name = asked.map(str::to_string).or(folder).unwrap_or_default();
    let plain = |c: char| {
        if c.is_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '_'
        }
    };
    let name: String = name.chars().map(plain).collect();
    if name.is_empty() { "own".into() } else { name }
}
