// CUDA C++ as far as the kernels use it, for a C++ compiler on the host.
//
// A kernel becomes a function that shim.cpp calls once for each thread; what threads share are globals.
// `lowland.cuh` includes this after its number types and THREADS. Where a function has the same name
// and overloads in the C++ library, it is that one; the others are below.
#pragma once

#include <math.h>

namespace shim {

struct Index {
    unsigned int x, y, z;
};

}  // namespace shim

extern __attribute__((visibility("hidden"))) shim::Index threadIdx, blockIdx, blockDim, gridDim;

namespace shim {

// What the host asks for, and what it hears. A Rust struct mirrors it.
struct Launch {
    unsigned long long seed;
    unsigned int blocks;
    unsigned int order;  // 0: forward, 1: reversed, 2: shuffled by the seed
    char failure[500];
};

typedef void (*Body)(const void* args);

// Runs all blocks. Whether they came to their ends: else `failure` says which did not, and why.
bool launch(Body body, const void* args, unsigned int threads, Launch* launch);

// Waits for all threads of the block.
void barrier(const char* file, int line);

// Waits for the other threads of the warp, each of which brings a value and a choice of lane; returns
// the values that all brought. It is good until the next exchange.
const unsigned long long* exchange(unsigned long long value, const char* file, int line);

inline unsigned int lane() { return threadIdx.x % 32; }

// Moves a value of up to 8 bytes as bits.
template <class To, class From>
inline To bits(From from) {
    static_assert(sizeof(To) <= 8 && sizeof(From) <= 8, "values of warp operations have up to 8 bytes");
    To to{};
    __builtin_memcpy(&to, &from, sizeof(To) < sizeof(From) ? sizeof(To) : sizeof(From));
    return to;
}

}  // namespace shim

#define KERNEL(name, Args)                                                                            \
    static void name##_body(const Args a);                                                            \
    extern "C" __attribute__((visibility("default"))) unsigned long long shim_bytes_##name() {        \
        return sizeof(Args);                                                                          \
    }                                                                                                 \
    extern "C" __attribute__((visibility("default"))) bool shim_launch_##name(const void* args,       \
                                                                              shim::Launch* launch) { \
        const shim::Body body = [](const void* args) { name##_body(*(const Args*)args); };            \
        return shim::launch(body, args, THREADS, launch);                                             \
    }                                                                                                 \
    static void name##_body(const Args a)

#define __device__
#define __host__
#define __global__
#define __constant__
#define __launch_bounds__(...)
#define __forceinline__ inline __attribute__((always_inline))
#define __shared__ static __attribute__((section("lowland_shared")))

#define __isGlobal(pointer) true
#define __builtin_assume(condition) ((void)0)

// Waiting. Where two threads of a block wait at different lines, the program is wrong.
#define __syncthreads() shim::barrier(__FILE__, __LINE__)
#define __syncwarp(...) ((void)shim::exchange(0, __FILE__, __LINE__))
#define __shfl_sync(mask, value, from) shim::shuffle(mask, value, (unsigned)(from) % 32, __FILE__, __LINE__)
#define __shfl_down_sync(mask, value, by) \
    shim::shuffle(mask, value, shim::lane() + (unsigned)(by), __FILE__, __LINE__)
#define __shfl_xor_sync(mask, value, by) \
    shim::shuffle(mask, value, shim::lane() ^ (unsigned)(by), __FILE__, __LINE__)
#define __ballot_sync(mask, condition) shim::ballot(mask, condition, __FILE__, __LINE__)
#define __any_sync(mask, condition) (shim::ballot(mask, condition, __FILE__, __LINE__) != 0)
#define __all_sync(mask, condition) (shim::ballot(mask, condition, __FILE__, __LINE__) == 0xffffffffu)

namespace shim {

// Whole warps only: the mask is all ones. From a lane that there is not, a thread gets its own value.
template <class T>
inline T shuffle(unsigned int, T value, unsigned int from, const char* file, int line) {
    const unsigned long long* values = exchange(bits<unsigned long long>(value), file, line);
    return from < 32 ? bits<T>(values[from]) : value;
}

inline unsigned int ballot(unsigned int, bool condition, const char* file, int line) {
    const unsigned long long* values = exchange(condition, file, line);
    unsigned int all = 0;
    for (unsigned int lane = 0; lane < 32; lane++) all |= (unsigned int)values[lane] << lane;
    return all;
}

}  // namespace shim

// Vectors, aligned as the device wants them.
#define SHIM_VECTORS(T, name)                                                                       \
    struct alignas(2 * sizeof(T)) name##2 { T x, y; };                                              \
    struct alignas(4 * sizeof(T) < 16 ? 4 * sizeof(T) : 16) name##4 { T x, y, z, w; };              \
    inline name##2 make_##name##2(T x, T y) { return {x, y}; }                                      \
    inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
SHIM_VECTORS(float, float)
SHIM_VECTORS(double, double)
SHIM_VECTORS(int, int)
SHIM_VECTORS(unsigned int, uint)

template <class T>
inline T __ldg(const T* p) { return *p; }

// Numbers as bits, arithmetic with its rounding in the name, and what the C++ library lacks.
inline unsigned int __float_as_uint(float x) { return shim::bits<unsigned int>(x); }
inline float __uint_as_float(unsigned int x) { return shim::bits<float>(x); }
inline int __float_as_int(float x) { return shim::bits<int>(x); }
inline float __int_as_float(int x) { return shim::bits<float>(x); }
inline float __fadd_rn(float x, float y) { return x + y; }
inline float __fsub_rn(float x, float y) { return x - y; }
inline float __fmul_rn(float x, float y) { return x * y; }
inline float __fdiv_rn(float x, float y) { return x / y; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline int __popc(unsigned int x) { return __builtin_popcount(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz((unsigned int)x); }
inline unsigned int __umulhi(unsigned int x, unsigned int y) {
    return (unsigned int)(((unsigned long long)x * y) >> 32);
}

// Smaller and larger; of floats, the one that is a number, as on the device.
#define SHIM_MIN_MAX(T)                                 \
    inline T min(T x, T y) { return y < x ? y : x; }    \
    inline T max(T x, T y) { return x < y ? y : x; }
SHIM_MIN_MAX(int)
SHIM_MIN_MAX(unsigned int)
SHIM_MIN_MAX(long)
SHIM_MIN_MAX(unsigned long)
SHIM_MIN_MAX(long long)
SHIM_MIN_MAX(unsigned long long)
inline float min(float x, float y) { return fminf(x, y); }
inline float max(float x, float y) { return fmaxf(x, y); }
inline double min(double x, double y) { return fmin(x, y); }
inline double max(double x, double y) { return fmax(x, y); }

// Threads run one at a time, and so do blocks.
inline void __threadfence() {}
#define SHIM_ATOMIC(name, T, after)             \
    inline T name(T* place, T with) {           \
        const T before = *place;                \
        *place = after;                         \
        return before;                          \
    }
SHIM_ATOMIC(atomicAdd, int, before + with)
SHIM_ATOMIC(atomicAdd, unsigned int, before + with)
SHIM_ATOMIC(atomicAdd, unsigned long long, before + with)
SHIM_ATOMIC(atomicMin, int, min(before, with))
SHIM_ATOMIC(atomicMin, unsigned int, min(before, with))
SHIM_ATOMIC(atomicMax, int, max(before, with))
SHIM_ATOMIC(atomicMax, unsigned int, max(before, with))
SHIM_ATOMIC(atomicOr, unsigned int, before | with)
