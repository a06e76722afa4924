// m and v as of Adam
// d <- (of_gradient d + of_mean m) / (sqrt(v) / sqrt(1 - beta2^t) + eps)
#pragma once
#include "stages/moments.cuh"

namespace stages {

struct nadam : Stage<2, Moments::SCALARS + 2> {
    static __device__ inline void apply(const float* c, float, float& d, float* s) {
        const Moments moments(c);
        const float of_gradient = c[6], of_mean = c[7];
        moments.update(d, s[0], s[1]);
        d = of_gradient * d + of_mean * s[0];
        d /= moments.root(s[1]);
    }
};

}  // namespace stages
