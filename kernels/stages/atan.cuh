// d <- alpha atan(beta d)
#pragma once
#include "elementary.cuh"
#include "step.cuh"

namespace stages {

struct atan : Stage<0, 2> {
    static __device__ inline void apply(const float* c, float, float& d, float*) {
        const float alpha = c[0], beta = c[1];
        d = alpha * elementary::atan(beta * d);
    }
};

}  // namespace stages
