// b <- momentum b + (1 - dampening) d,   d <- b, or with Nesterov d + momentum b
#pragma once
#include "step.cuh"

namespace stages {

template <u32 NESTEROV>
struct momentum : Stage<1, 2> {
    static __device__ inline void apply(const float* c, float, float& d, float* s) {
        const float momentum = c[0], share = c[1];
        s[0] = momentum * s[0] + share * d;
        d = NESTEROV ? d + momentum * s[0] : s[0];
    }
};

}  // namespace stages
