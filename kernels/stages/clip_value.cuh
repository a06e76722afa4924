// d <- min(max(d, -limit), limit); a NaN stays
#pragma once
#include "step.cuh"

namespace stages {

struct clip_value : Stage<0, 1> {
    static __device__ inline void apply(const float* c, float, float& d, float*) {
        const float limit = c[0];
        const float below = d > limit ? limit : d;
        d = below < -limit ? -limit : below;
    }
};

}  // namespace stages
