#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    act_tests::untrusted::promise(bytes);
});
