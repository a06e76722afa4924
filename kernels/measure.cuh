// Sums over the elements of arenas: a measure makes of each element's direction and state a term for
// each of its sums. Nothing is changed.
//
// A block sums the terms of a chunk, in double and in an order of its own. The sums of the chunks are
// added up without an order, and written as a float and what that lacks.
#pragma once
#include "exact_sum.cuh"
#include "step.cuh"

#define MAX_MEASURE_SCALARS 24

// What a measure has: so many state slots that it reads, sums, and scalars.
template <int slots, int sums, int scalars>
struct Measure {
    static constexpr int SLOTS = slots;
    static constexpr int SUMS = sums;
    static constexpr int SCALARS = scalars;
};

struct MeasureArgs {
    const float* directions;
    const float* state[MAX_SLOTS];
    const Chunk* chunks;
    u64 count;
    // A sum of each chunk, those of the first sum first.
    double* partial;
    float* sums;
    float* rests;
    double scalars[MAX_MEASURE_SCALARS];
};

// `shared` has room for a value of each warp.
template <class Measure>
static __device__ inline void measure_chunk(const MeasureArgs& a, double* shared) {
    const Chunk chunk = global(a.chunks)[blockIdx.x];
    const float* directions = global(a.directions) + chunk.param;
    double sums[Measure::SUMS] = {};
    for (u32 i = threadIdx.x; i < chunk.len; i += THREADS) {
        float s[Measure::SLOTS + 1];
        UNROLL
        for (int k = 0; k < Measure::SLOTS; k++) s[k] = (global(a.state[k]) + chunk.state)[i];
        double terms[Measure::SUMS];
        Measure::terms(a.scalars, directions[i], s, terms);
        UNROLL
        for (int k = 0; k < Measure::SUMS; k++) sums[k] += terms[k];
    }
    UNROLL
    for (int k = 0; k < Measure::SUMS; k++) {
        const double sum = across<Add, THREADS>(sums[k], shared);
        if (threadIdx.x == 0) a.partial[k * a.count + blockIdx.x] = sum;
    }
}

// A block for each sum.
static __device__ inline void add_chunks(const MeasureArgs& a, u64* shared) {
    const double sum = exact_sum(global(a.partial) + blockIdx.x * a.count, a.count, shared);
    if (threadIdx.x != 0) return;
    const float rounded = (float)sum;
    a.sums[blockIdx.x] = rounded;
    a.rests[blockIdx.x] = fabsf(rounded) <= 3.40282347e+38f ? (float)(sum - (double)rounded) : 0.0f;
}
