// Folds across the threads that share a row: a warp, or the whole block for long rows.
#pragma once
#include "lowland.cuh"

#define WARP 32

struct Add {
    template <class T>
    static __device__ inline T of(T a, T b) { return a + b; }
};

// Of a number and a NaN, the number.
struct Larger {
    static __device__ inline float of(float a, float b) { return fmaxf(a, b); }
};

static __device__ inline float minus_infinity() { return __int_as_float((int)0xff800000u); }

// The rows of a matrix, LANES threads each: WARP or THREADS.
template <int LANES>
struct Rows {
    // Rows that a block has at a time, and the blocks' worth of work that `rows` make.
    static __device__ inline u64 items(u64 rows) {
        return (rows + THREADS / LANES - 1) / (THREADS / LANES);
    }
    // The row of this thread, and which of the row's threads it is.
    static __device__ inline u64 row(u64 item) {
        return item * (THREADS / LANES) + threadIdx.x / LANES;
    }
    static __device__ inline u32 lane() { return threadIdx.x % LANES; }
};

// What the row's threads have, folded; all of them get the same bits. All threads of the block call
// it. `shared` has room for a value of each warp.
template <class Fold, int LANES, class T>
static __device__ inline T across(T value, T* shared) {
    UNROLL
    for (int by = WARP / 2; by > 0; by /= 2) {
        value = Fold::of(value, __shfl_xor_sync(0xffffffffu, value, by));
    }
    if (LANES == WARP) return value;
    if (threadIdx.x % WARP == 0) shared[threadIdx.x / WARP] = value;
    __syncthreads();
    value = shared[0];
    for (int warp = 1; warp < THREADS / WARP; ++warp) value = Fold::of(value, shared[warp]);
    __syncthreads();
    return value;
}
