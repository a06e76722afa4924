// Transforms that reduce a tensor to one number, and then map each element: all tensors in two launches.
//
// A block has a chunk of a tensor. It leaves what it reduced its chunk to in `partial`; in the second
// launch each block folds those of its tensor, and maps its chunk.
//
// A transform has a fold, `start` and `of`, whose result depends on no order; an object of it is made
// of the number and the tensor's numbers, and says whether it changes the tensor, and to what.
#pragma once
#include "numbers.cuh"
#include "rows.cuh"

struct ReducedChunk {
    u64 offset;
    u64 len;
    // The chunks of its tensor.
    u64 first;
    u64 count;
    // Where the numbers of its tensor begin.
    u64 numbers;
};

struct ReducedArgs {
    float* tensors;
    const ReducedChunk* chunks;
    const double* numbers;
    float* partial;
};

// `shared` has room for a value of each warp.
template <class Transform>
static __device__ inline void reduce_chunk(const ReducedArgs& a, float* shared) {
    const ReducedChunk chunk = global(a.chunks)[blockIdx.x];
    const float* x = global(a.tensors) + chunk.offset;
    float value = Transform::start();
    for (u32 i = threadIdx.x; i < chunk.len; i += THREADS) value = Transform::of(value, x[i]);
    value = across<Transform, THREADS>(value, shared);
    if (threadIdx.x == 0) a.partial[blockIdx.x] = value;
}

template <class Transform>
static __device__ inline void map_chunk(const ReducedArgs& a, float* shared) {
    const ReducedChunk chunk = global(a.chunks)[blockIdx.x];
    const float* partial = global(a.partial) + chunk.first;
    float value = Transform::start();
    for (u64 k = threadIdx.x; k < chunk.count; k += THREADS) value = Transform::of(value, partial[k]);
    value = across<Transform, THREADS>(value, shared);
    const Transform transform(value, global(a.numbers) + chunk.numbers);
    if (!transform.changes()) return;
    float* x = global(a.tensors) + chunk.offset;
    for (u32 i = threadIdx.x; i < chunk.len; i += THREADS) x[i] = transform.map(x[i]);
}
