// Elementary functions as polynomials, right to a few units in the last place: the same numbers, in
// the same order, as lowland-optim computes with, so that a device gives the same bits.
#pragma once
#include "lowland.cuh"

namespace elementary {

// A polynomial, its highest coefficient first.
template <u32 N>
static __device__ inline float polynomial(float x, const float (&coefficients)[N]) {
    float sum = 0.0f;
    UNROLL
    for (u32 i = 0; i < N; i++) sum = sum * x + coefficients[i];
    return sum;
}

// Abramowitz and Stegun, 4.4.49, on [0, 1]; pi / 2 - atan(1 / x) above.
static __device__ inline float atan(float x) {
    const float odd[9] = {0.0028662257f, -0.016165737f, 0.042909614f, -0.07528964f, 0.10656264f,
                          -0.142089f,    0.1999355f,    -0.33333145f, 1.0f};
    float size = fabsf(x);
    float small = size > 1.0f ? 1.0f / size : size;
    float angle = small * polynomial(small * small, odd);
    angle = size > 1.0f ? 1.57079632679489661923f - angle : angle;
    return copysignf(angle, x);
}

// The rational function of the Eigen library (ptanh), which is 1 beyond 7.9.
static __device__ inline float tanh(float x) {
    const float end = 7.905311f;
    const float odd[7] = {-2.7607684e-16f, 2.000188e-13f, -8.604672e-11f, 5.122297e-8f,
                          1.4857224e-5f,   6.372619e-4f,  4.8935246e-3f};
    const float even[4] = {1.1982584e-6f, 1.185347e-4f, 2.2684346e-3f, 4.893525e-3f};
    float near = x > end ? end : x;
    near = near < -end ? -end : near;
    float square = near * near;
    float ratio = near * polynomial(square, odd) / polynomial(square, even);
    return fabsf(near) < 4e-4f ? near : ratio;
}

// ln(1 + x) for x of 0 and more: the logarithm of the Cephes library (logf) at 1 + x, with what the
// sum has lost put back.
static __device__ inline float ln_1p(float x) {
    const float tail[9] = {7.0376836e-2f, -1.151461e-1f,  1.1676999e-1f,  -1.2420141e-1f, 1.4249323e-1f,
                           -1.6668058e-1f, 2.0000715e-1f, -2.4999994e-1f, 3.333333e-1f};
    float sum = 1.0f + x;
    u32 bits = __float_as_uint(sum);
    float mantissa = __uint_as_float((bits & 0x007fffffu) | 0x3f800000u);
    bool upper = mantissa > 1.41421356237309504880f;
    float exponent = (float)((int)(bits >> 23) - 127 + (upper ? 1 : 0));
    float f = (upper ? 0.5f * mantissa : mantissa) - 1.0f;
    float square = f * f;
    float rest = f * square * polynomial(f, tail) - 2.1219444e-4f * exponent - 0.5f * square;
    float lost = (x - (sum - 1.0f)) / sum;
    float logarithm = (f + rest) + 0.6933594f * exponent + lost;
    // Infinity and NaN are their own logarithms.
    return x <= 3.40282347e+38f ? logarithm : x;
}

}  // namespace elementary
