// m <- beta1 m + (1 - beta1) d,   v <- beta2 v + (1 - beta2) (d - m)^2 + eps
// d <- m / (1 - beta1^t) / (sqrt(v) / sqrt(1 - beta2^t) + eps)
#pragma once
#include "stages/moments.cuh"

namespace stages {

struct adabelief : Stage<2, Moments::SCALARS + 2> {
    static __device__ inline void apply(const float* c, float, float& d, float* s) {
        const Moments moments(c);
        const float factor = c[6], eps = c[7];
        moments.update_around_mean(d, s[0], s[1]);
        s[1] += eps;
        d = factor * s[0] / moments.root(s[1]);
    }
};

}  // namespace stages
