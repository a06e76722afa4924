// v <- beta2 v + (1 - beta2) d^2,   r = min(max(scale v, eps), 1)
// m <- (1 - r) m + r d,   w <- (1 - r) w + r,   d <- m / w
#pragma once
#include "step.cuh"

namespace stages {

struct adai : Stage<3, 4> {
    static __device__ inline void apply(const float* c, float, float& d, float* s) {
        const float beta2 = c[0], rest = c[1], eps = c[2], scale = c[3];
        s[0] = beta2 * s[0] + rest * (d * d);
        // Before the first gradient that is not 0, scale v is 0/0.
        float share = scale * s[0];
        share = share > eps ? share : eps;
        share = share < 1.0f ? share : 1.0f;
        s[1] = (1.0f - share) * s[1] + share * d;
        s[2] = (1.0f - share) * s[2] + share;
        d = s[1] / s[2];
    }
};

}  // namespace stages
