// Adam at first; once it has switched, SGD with momentum:
//   b <- beta1 b + d,   d <- sgd_rate b
#pragma once
#include "stages/moments.cuh"

namespace stages {

struct swats : Stage<3, Moments::SCALARS + 2> {
    // The moments before the switch, and the buffer after it.
    static __device__ inline bool uses(const float* c, int slot) { return (slot == 2) == switched(c); }

    static __device__ inline bool switched(const float* c) { return c[7] != 0.0f; }

    static __device__ inline void apply(const float* c, float, float& d, float* s) {
        const Moments moments(c);
        const float factor = c[6], sgd_rate = c[7];
        if (switched(c)) {
            s[2] = moments.beta1 * s[2] + d;
            d = sgd_rate * s[2];
        } else {
            moments.update(d, s[0], s[1]);
            d = factor * s[0] / moments.root(s[1]);
        }
    }
};

}  // namespace stages
