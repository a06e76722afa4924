// What hipcc lacks of CUDA, for `cargo xtask kernels hip`. Where waves have 64 threads, a shuffle stays
// within 32 of them.
#pragma once
#include <hip/hip_runtime.h>

#define __shfl_down_sync(mask, value, delta) __shfl_down(value, delta, 32)
#define __shfl_xor_sync(mask, value, lanes) __shfl_xor(value, lanes, 32)
#define __isGlobal(pointer) true
