// d <- d + weight_decay p
#pragma once
#include "step.cuh"

namespace stages {

struct weight_decay : Stage<0, 1> {
    static __device__ inline void apply(const float* c, float p, float& d, float*) { d += c[0] * p; }
};

}  // namespace stages
