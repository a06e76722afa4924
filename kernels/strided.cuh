// Where the elements of strided tensors lie: divisions by extents, without dividing.
#pragma once
#include "lowland.cuh"

#define MAX_RANK 6

// A number that many others are divided by. The host finds `magic` and `shift` (Granlund and
// Montgomery 1994), which are good for dividends below 2^31; larger ones are divided as they are.
struct Divider {
    u64 divisor;
    u32 magic;
    u32 shift;
};

static __device__ inline u32 quotient(u32 n, const Divider& by) {
    return ((u32)(((u64)n * by.magic) >> 32) + n) >> by.shift;
}
static __device__ inline u64 quotient(u64 n, const Divider& by) { return n / by.divisor; }

// n / by and n % by, where n becomes the former.
template <class Index>
static __device__ inline Index divide(Index& n, const Divider& by) {
    const Index whole = quotient(n, by), rest = n - whole * (Index)by.divisor;
    n = whole;
    return rest;
}

// K strided tensors, walked through in the row-major order of one shape. The innermost axis is the
// first here; a stride of 0 repeats.
template <int K>
struct Walk {
    Divider extents[MAX_RANK];
    u64 strides[K][MAX_RANK];
    u64 first[K];
    u64 rank;
};

// Where element i of the walk lies in each tensor. Index is u32 where all are below 2^31, else u64.
template <int K, class Index>
static __device__ inline void locate(const Walk<K>& walk, Index i, Index (&at)[K]) {
    UNROLL
    for (int k = 0; k < K; ++k) at[k] = (Index)walk.first[k];
    UNROLL
    for (int axis = 0; axis < MAX_RANK; ++axis) {
        if (axis >= (int)walk.rank) break;
        const bool outermost = axis + 1 == (int)walk.rank;
        const Index index = outermost ? i : divide(i, walk.extents[axis]);
        UNROLL
        for (int k = 0; k < K; ++k) at[k] += index * (Index)walk.strides[k][axis];
    }
}
