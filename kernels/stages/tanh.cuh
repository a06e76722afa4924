// d <- alpha tanh(beta d)
#pragma once
#include "elementary.cuh"
#include "step.cuh"

namespace stages {

struct tanh : Stage<0, 2> {
    static __device__ inline void apply(const float* c, float, float& d, float*) {
        const float alpha = c[0], beta = c[1];
        d = alpha * elementary::tanh(beta * d);
    }
};

}  // namespace stages
