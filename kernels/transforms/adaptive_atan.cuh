// An arctangent whose bound follows the largest element of the tensor:
//
//   a = 2 max(x) / (pi shrink),   x <- a atan(gamma x / a)
//
// Where max(x) is 0 or not finite, the tensor stays as it is.
#pragma once
#include "elementary.cuh"
#include "transforms/reduced.cuh"

namespace transforms {

struct adaptive_atan {
    float max, bound, slope;

    static __device__ inline float start() { return minus_infinity(); }
    static __device__ inline float of(float max, float x) { return x > max ? x : max; }

    // The numbers are 2 / (pi shrink) and gamma.
    __device__ inline adaptive_atan(float max, const double* numbers)
        : max(max), bound((float)numbers[0] * max), slope((float)numbers[1] / bound) {}

    __device__ inline bool changes() const { return is_finite(max) && is_finite(slope); }
    __device__ inline float map(float x) const { return bound * elementary::atan(slope * x); }

    static __device__ inline bool is_finite(float x) { return fabsf(x) <= 3.40282347e+38f; }
};

}  // namespace transforms
