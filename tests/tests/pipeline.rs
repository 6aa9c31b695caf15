//! The main job: files and pipes give the same model, runs repeat, threads do not matter.

use std::fs;

use act_tests::{Fixture, bash, digest};

const STAGES: &str = "\
act-prune base.act -c tiny.yaml --data data -o OUT/pruned.act --report OUT/pruned.json && \
act-distill OUT/pruned.act --teacher base.act -c tiny.yaml --data data -o OUT/student.act --report OUT/student.json && \
act-quant OUT/student.act -c tiny.yaml --data data -o OUT/int8.act --report OUT/int8.json";

fn stages(fixture: &Fixture, out: &str, flags: &str) {
    fs::create_dir(fixture.file(out)).expect("a folder");
    let line = STAGES
        .replace("OUT", out)
        .replace("--data data", &format!("--data data {flags}"));
    bash(fixture.path(), &line).ok();
}

#[test]
fn files_pipes_and_thread_counts_give_the_same_model() {
    let fixture = Fixture::new();
    stages(&fixture, "one", "--threads 1");
    stages(&fixture, "two", "--threads 2");
    for name in ["pruned.act", "student.act", "int8.act"] {
        let (one, two) = (
            fixture.file("one").join(name),
            fixture.file("two").join(name),
        );
        assert_eq!(digest(&one), digest(&two), "{name}: one thread against two");
        assert_eq!(
            fs::read(one).unwrap(),
            fs::read(two).unwrap(),
            "{name}: byte for byte"
        );
    }

    let pipe = "act-prune base.act -c tiny.yaml --data data | \
                act-distill -c tiny.yaml --data data --teacher base.act | \
                act-quant -c tiny.yaml --data data | tee piped.act | \
                act-eval accuracy --data data --json";
    let report = bash(fixture.path(), pipe).ok();
    assert_eq!(
        digest(&fixture.file("piped.act")),
        digest(&fixture.file("one/int8.act"))
    );

    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["schema"], 1);
    assert_eq!(report["model"]["precision"], "int8");
    assert_eq!(
        report["model"]["digest"],
        digest(&fixture.file("one/int8.act"))
    );
    assert_eq!(report["accuracy"]["n"], 100);
    assert_eq!(report["synthetic"], true, "the sample corpus must be named");
}

#[test]
fn compression_shrinks_what_it_says() {
    let fixture = Fixture::new();
    stages(&fixture, "out", "");
    let read = |name: &str| -> serde_json::Value {
        let text = fs::read_to_string(fixture.file("out").join(name)).expect("the report");
        serde_json::from_str(&text).expect("JSON")
    };
    let (pruned, int8) = (read("pruned.json"), read("int8.json"));
    for layer in pruned["model"]["layers"].as_array().expect("layers") {
        assert_eq!(
            (layer["heads"].as_u64(), layer["intermediate_size"].as_u64()),
            (Some(3), Some(96))
        );
    }
    let size = |name: &str| fs::metadata(fixture.file(name)).expect("the file").len() as f64;
    assert_eq!(int8["model"]["bytes"].as_f64(), Some(size("out/int8.act")));
    assert!(
        size("out/int8.act") < 0.5 * size("base.act"),
        "int8 is stored as int8"
    );
}
