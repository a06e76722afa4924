// The numbers that arenas hold, float and bf16, and vectors of them.
//
// A bf16 is the upper half of a float. Sums and products are of floats: a bf16 is widened when it is
// read, and the nearest one is written, of two as near the even one.
#pragma once
#include "lowland.cuh"

typedef unsigned short u16;

struct bf16 {
    u16 bits;
};

static __device__ inline float widen(float x) { return x; }
static __device__ inline float widen(bf16 x) { return __uint_as_float((u32)x.bits << 16); }

static __device__ inline void narrow(float x, float& to) { to = x; }

static __device__ inline void narrow(float x, bf16& to) {
    u32 bits = __float_as_uint(x);
    // No carry may turn a NaN into an infinity.
    to.bits = x == x ? (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16 : bits >> 16 | 0x40u;
}

// W numbers that are read and written as one, at an address that is a multiple of their size.
template <class T, u32 W>
struct alignas(sizeof(T) * W) Vector {
    T x[W];

    static __device__ inline Vector load(const T* from) { return *(const Vector*)from; }
    __device__ inline void store(T* to) const { *(Vector*)to = *this; }
};

// Said outright, as a compiler makes four stores of four bf16 that it has just computed.
template <>
__device__ inline void Vector<bf16, 4>::store(bf16* to) const {
    *(u64*)to = (u64)x[0].bits | (u64)x[1].bits << 16 | (u64)x[2].bits << 32 | (u64)x[3].bits << 48;
}

// Whether vectors of W numbers can be read there.
template <u32 W, class T>
static __device__ inline bool aligned(const T* p) {
    return (u64)p % (sizeof(T) * W) == 0;
}

// A pointer that the compiler may take for one to global memory, which it cannot know of a pointer
// that was read from a struct.
template <class T>
static __device__ inline T* global(T* p) {
    __builtin_assume(__isGlobal(p));
    return p;
}
