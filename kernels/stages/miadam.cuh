// m, v and vmax as of Adam; while it integrates
//   s_1 <- kappa s_1 + m,   s_j <- kappa s_j + s_(j-1)
// d <- factor (s_n, or m after the switch) / (sqrt(v or vmax) / sqrt(1 - beta2^t) + eps)
#pragma once
#include "stages/moments.cuh"

namespace stages {

template <u32 ORDER, u32 AMSGRAD>
struct miadam : Stage<2 + AMSGRAD + ORDER, Moments::SCALARS + 3> {
    // After the switch the integrals stay as they are.
    static __device__ inline bool uses(const float* c, int slot) {
        return slot < int(2 + AMSGRAD) || integrates(c);
    }

    static __device__ inline bool integrates(const float* c) { return c[8] != 0.0f; }

    static __device__ inline void apply(const float* c, float, float& d, float* s) {
        const Moments moments(c);
        const float factor = c[6], kappa = c[7];
        moments.update(d, s[0], s[1]);
        if (AMSGRAD) s[1 + AMSGRAD] = running_max(s[1 + AMSGRAD], s[1]);
        float numerator = s[0];
        if (integrates(c)) {
            float* integrals = s + 2 + AMSGRAD;
            UNROLL
            for (u32 j = 0; j < ORDER; j++) {
                integrals[j] = kappa * integrals[j] + numerator;
                numerator = integrals[j];
            }
        }
        d = factor * numerator / moments.root(s[1 + AMSGRAD]);
    }
};

}  // namespace stages
