//! The suite that every backend passes, for each instruction set and several numbers of threads.

use lowland_conformance::assert_conforms;
use lowland_cpu::{Cpu, Isa};

fn conforms(threads: usize, isa: Isa) {
    if isa.is_available() {
        assert_conforms(&Cpu::with_isa(threads, isa).expect("an available instruction set"));
    }
}

#[test]
fn portable_code_conforms() {
    conforms(2, Isa::Portable);
}

#[test]
fn avx2_code_conforms() {
    conforms(3, Isa::Avx2);
}

#[test]
fn avx512_code_conforms() {
    conforms(1, Isa::Avx512);
}
