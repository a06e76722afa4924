// d <- alpha sign(d) ln(1 + beta |d|)
#pragma once
#include "elementary.cuh"
#include "step.cuh"

namespace stages {

struct log : Stage<0, 2> {
    static __device__ inline void apply(const float* c, float, float& d, float*) {
        const float alpha = c[0], beta = c[1];
        d = alpha * copysignf(elementary::ln_1p(beta * fabsf(d)), d);
    }
};

}  // namespace stages
