#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    lowland_fuzz::idx(data);
});
