// v <- alpha v + (1 - alpha) d^2                 centered: u <- alpha u + (1 - alpha) d
// d <- d / (sqrt(v) + eps)                       centered: d <- d / (sqrt(max(v - u^2, 0)) + eps)
#pragma once
#include "step.cuh"

namespace stages {

template <u32 CENTERED>
struct rmsprop : Stage<1 + CENTERED, 3> {
    static __device__ inline void apply(const float* c, float, float& d, float* s) {
        const float alpha = c[0], rest = c[1], eps = c[2];
        s[0] = alpha * s[0] + rest * (d * d);
        float variance = s[0];
        if (CENTERED) {
            float& mean = s[CENTERED];
            mean = alpha * mean + rest * d;
            variance = s[0] - mean * mean;
            variance = variance < 0.0f ? 0.0f : variance;
        }
        d /= sqrtf(variance) + eps;
    }
};

}  // namespace stages
