// What Adam and its kin share: the running moments of the gradient and the quotient at the end.
#pragma once
#include "step.cuh"

// Decay rates and epsilon, with what a step makes of them: the first scalars of a stage.
struct Moments {
    static constexpr int SCALARS = 6;
    float beta1, beta1_rest, beta2, beta2_rest, root_correction, eps;

    template <class T>
    explicit __device__ inline Moments(const T* c)
        : beta1((float)c[0]),
          beta1_rest((float)c[1]),
          beta2((float)c[2]),
          beta2_rest((float)c[3]),
          root_correction((float)c[4]),
          eps((float)c[5]) {}

    // m <- beta1 m + (1 - beta1) g,   v <- beta2 v + (1 - beta2) g^2
    __device__ inline void update(float g, float& m, float& v) const {
        m = beta1 * m + beta1_rest * g;
        v = beta2 * v + beta2_rest * (g * g);
    }

    // m <- beta1 m + (1 - beta1) g,   v <- beta2 v + (1 - beta2) (g - m)^2
    __device__ inline void update_around_mean(float g, float& m, float& v) const {
        m = beta1 * m + beta1_rest * g;
        v = beta2 * v + beta2_rest * ((g - m) * (g - m));
    }

    // sqrt(v) / sqrt(1 - beta2^t) + eps
    __device__ inline float root(float v) const { return sqrtf(v) * root_correction + eps; }
};

// max(a, b), with a NaN of b kept, as PyTorch keeps it.
static __device__ inline float running_max(float a, float b) { return a >= b ? a : b; }
