// m and v as of Adam
// d <- factor m / (sqrt(v) / sqrt(1 - beta2^t) + eps) once it is rectified, factor m before
#pragma once
#include "stages/moments.cuh"

namespace stages {

struct radam : Stage<2, Moments::SCALARS + 2> {
    static __device__ inline void apply(const float* c, float, float& d, float* s) {
        const Moments moments(c);
        const float factor = c[6], rectified = c[7];
        moments.update(d, s[0], s[1]);
        d = factor * s[0];
        if (rectified != 0.0f) d /= moments.root(s[1]);
    }
};

}  // namespace stages
