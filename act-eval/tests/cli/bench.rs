//! `act-eval bench`: which settings are measured. What the figures are is up to the machine.

use serde_json::Value;

use super::Workplace;

#[test]
fn bench_measures_every_setting_and_the_ratio() {
    let here = Workplace::new();
    let report = here
        .json("bench int8.act --compare base.act --data afqmc --runs 5 --batch 4 --seq 16 --json");
    let settings = |rows: &Value| -> Vec<(u64, String)> {
        let rows = rows.as_array().unwrap().iter();
        rows.map(|r| {
            (
                r["batch"].as_u64().unwrap(),
                r["padding"].as_str().unwrap().into(),
            )
        })
        .collect()
    };
    let expected = [
        (4, "fixed"),
        (4, "longest"),
        (4, "none"),
        (4, "none"),
        (1, "none"),
    ];
    let expected = expected.map(|(b, p)| (b, p.to_string()));
    assert_eq!(settings(&report["latency"]), expected);
    assert_eq!(settings(&report["speedups"]), expected);
    assert_eq!(report["latency"][0]["seq"], 16);
    assert_eq!(report["latency"][0]["threads"], 1);
    let tokenizing = |i: usize| report["latency"][i]["tokenizing"].as_bool().unwrap();
    assert_eq!([2, 3, 4].map(tokenizing), [false, true, false]);
    let percentile = |name: &str| report["latency"][0][name].as_f64().unwrap();
    assert!(percentile("p99_ms") >= percentile("p95_ms"));
    assert_eq!(report["speedups"][0]["rounds"], 5);
    assert_eq!(report["speedup"], report["speedups"][0]["median"]);
    assert!(report["speedup"].as_f64().unwrap() > 0.0);
}

#[test]
fn bench_scales_over_threads_and_tells_the_memory() {
    let here = Workplace::new();
    let report =
        here.json("bench int8.act --scaling --threads 3 --runs 5 --batch 4 --seq 8 --json");
    let threads = |rows: &Value| -> Vec<u64> {
        let rows = rows.as_array().unwrap().iter();
        rows.map(|r| r["threads"].as_u64().unwrap()).collect()
    };
    assert_eq!(threads(&report["latency"]), [1, 2, 3]);
    assert_eq!(threads(&report["speedups"]), [2, 3]);
    assert_eq!(report["speedup"], Value::Null, "there is no other model");
    if cfg!(target_os = "linux") {
        let bytes = |key: &str| report["memory"][key].as_u64().unwrap();
        assert!(bytes("own_bytes") > 0 && bytes("peak_bytes") >= bytes("own_bytes"));
    }
    let text = here.stdout("bench int8.act --scaling --threads 2 --runs 5 --batch 4 --seq 8");
    assert!(text.contains("| 4 x 8          | 2 threads |"), "{text}");
    assert!(text.contains("1, 2 thread(s) of "), "{text}");
}

#[test]
fn bench_without_data_measures_only_full_sequences() {
    let here = Workplace::new();
    let text = here.stdout("bench base.act --runs 5 --batch 2");
    // The model has 32 positions, so the default of 128 tokens becomes 32.
    assert!(text.contains("| 2 x 32 "), "{text}");
    assert!(!text.contains("own length"), "{text}");
}
