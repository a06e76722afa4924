// What every kernel starts from: number types, and the form of a kernel.
//
// The files of this folder are compiled by NVRTC, by nvcc, by hipcc, and by g++ for the host shim,
// which runs them on a processor in tests (LOWLAND_SHIM). They include no system header.
//
// A kernel takes one struct of arguments, by value, which a Rust struct mirrors field by field. Its
// blocks have THREADS threads. Fields are pointers and numbers of 4 and 8 bytes; the order is: all of
// 8 bytes first, so that there is no padding between them.
#pragma once

typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

#define THREADS 256

#if defined(LOWLAND_SHIM)
#include "shim.h"
#define UNROLL
#define UNROLL_BY(n)
#else
#define KERNEL(name, Args) extern "C" __global__ void __launch_bounds__(THREADS) name(const Args a)
#define UNROLL _Pragma("unroll")
#define UNROLL_BY(n) PRAGMA(unroll n)
#define PRAGMA(text) _Pragma(#text)
#endif

// The index of this thread among all of the launch, and how many there are.
static __device__ inline u64 thread_index() { return (u64)blockIdx.x * blockDim.x + threadIdx.x; }
static __device__ inline u64 thread_count() { return (u64)gridDim.x * blockDim.x; }

// The elements of this thread, where all threads of the launch share `len` of them.
#define FOR_EACH(i, len) for (u64 i = thread_index(); i < (len); i += thread_count())

// The items of work of this block, where all blocks of the launch share `count` of them.
#define EACH_ITEM(item, count) for (u64 item = blockIdx.x; item < (count); item += gridDim.x)
