// m <- beta1 m + (1 - beta1) d,   v <- beta2 v + (1 - beta2) d^2,   vmax <- max(vmax, v)
// d <- m / (1 - beta1^t) / (sqrt(v or vmax) / sqrt(1 - beta2^t) + eps)
#pragma once
#include "stages/moments.cuh"

namespace stages {

template <u32 AMSGRAD>
struct adam : Stage<2 + AMSGRAD, Moments::SCALARS + 1> {
    static __device__ inline void apply(const float* c, float, float& d, float* s) {
        const Moments moments(c);
        const float factor = c[6];
        moments.update(d, s[0], s[1]);
        if (AMSGRAD) s[1 + AMSGRAD] = running_max(s[1 + AMSGRAD], s[1]);
        d = factor * s[0] / moments.root(s[1 + AMSGRAD]);
    }
};

}  // namespace stages
