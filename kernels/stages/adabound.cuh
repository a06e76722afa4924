// m, v and vmax as of Adam
// e  = 1 / (1 - beta1^t) / (sqrt(v or vmax) / sqrt(1 - beta2^t) + eps)
// d <- min(max(e, lower), upper) m
#pragma once
#include "stages/moments.cuh"

namespace stages {

template <u32 AMSBOUND>
struct adabound : Stage<2 + AMSBOUND, Moments::SCALARS + 3> {
    static __device__ inline void apply(const float* c, float, float& d, float* s) {
        const Moments moments(c);
        const float factor = c[6], lower = c[7], upper = c[8];
        moments.update(d, s[0], s[1]);
        if (AMSBOUND) s[1 + AMSBOUND] = running_max(s[1 + AMSBOUND], s[1]);
        const float size = factor / moments.root(s[1 + AMSBOUND]);
        const float raised = size < lower ? lower : size;
        d = s[0] * (raised > upper ? upper : raised);
    }
};

}  // namespace stages
