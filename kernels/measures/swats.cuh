// With a the direction that Adam would take:  weight a^2  and  weight a d
#pragma once
#include "measure.cuh"
#include "stages/moments.cuh"

namespace measures {

struct swats : Measure<2, 2, Moments::SCALARS + 2> {
    static __device__ inline void terms(const double* c, float d, const float* s, double* terms) {
        const Moments moments(c);
        const float factor = (float)c[6];
        const double weight = c[7];
        float m = s[0], v = s[1];
        moments.update(d, m, v);
        const double adam = (double)(factor * m / moments.root(v));
        terms[0] = weight * (adam * adam);
        terms[1] = weight * (adam * (double)d);
    }
};

}  // namespace measures
