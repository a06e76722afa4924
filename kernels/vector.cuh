// Functions of each element, four elements at a time where the arrays begin where that may be.
#pragma once
#include "lowland.cuh"

// Four neighbours, which are loaded and stored at once.
struct alignas(16) Vec4 {
    float of[4];
};

static __device__ inline bool is_aligned(const void* p) { return (u64)p % sizeof(Vec4) == 0; }
static __device__ inline Vec4 load4(const float* x, u64 i) { return ((const Vec4*)x)[i]; }
static __device__ inline void store4(float* y, u64 i, const Vec4& v) { ((Vec4*)y)[i] = v; }

// y[i] = f({x_0[i], x_1[i], ...}). One of the x may be y.
template <int N, class F>
static __device__ inline void map(const float* const (&x)[N], float* y, u64 len, F f) {
    bool aligned = is_aligned(y);
    UNROLL
    for (int k = 0; k < N; ++k) aligned = aligned && is_aligned(x[k]);
    const u64 whole = aligned ? len / 4 : 0;
    FOR_EACH(i, whole) {
        Vec4 in[N], out;
        UNROLL
        for (int k = 0; k < N; ++k) in[k] = load4(x[k], i);
        UNROLL
        for (int j = 0; j < 4; ++j) {
            float elements[N];
            UNROLL
            for (int k = 0; k < N; ++k) elements[k] = in[k].of[j];
            out.of[j] = f(elements);
        }
        store4(y, i, out);
    }
    FOR_EACH(rest, len - 4 * whole) {
        const u64 i = 4 * whole + rest;
        float elements[N];
        UNROLL
        for (int k = 0; k < N; ++k) elements[k] = x[k][i];
        y[i] = f(elements);
    }
}
