#![no_main]

#[global_allocator]
static ALLOCATOR: act_tests::allocation::Counting = act_tests::allocation::Counting;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    act_tests::untrusted::checkpoint(bytes);
});
libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    act_fuzz::mutate(data, size, max_size, seed, act_fuzz::checkpoint::mutate)
});
