// The second moment of the next step, corrected for its start at 0:
//   (beta2 v + (1 - beta2) d^2) / (1 - beta2^t)
#pragma once
#include "measure.cuh"

namespace measures {

struct adai : Measure<1, 1, 3> {
    static __device__ inline void terms(const double* c, float d, const float* s, double* terms) {
        const float beta2 = (float)c[0], rest = (float)c[1];
        const double correction = c[2];
        terms[0] = correction * (double)(beta2 * s[0] + rest * (d * d));
    }
};

}  // namespace measures
