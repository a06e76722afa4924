// y = s_1 x_1 + ... + s_n x_n in one pass, summed in this order.
#include "vector.cuh"

#define MAX_TERMS 8

struct ScaledSumArgs {
    const float* x[MAX_TERMS];
    float* y;
    u64 len;
    float scales[MAX_TERMS];
};

template <int N>
static __device__ inline void scaled_sum(const ScaledSumArgs& a) {
    const float* x[N];
    float scales[N];
    UNROLL
    for (int k = 0; k < N; ++k) {
        x[k] = a.x[k];
        scales[k] = a.scales[k];
    }
    map(x, a.y, a.len, [&](const float(&terms)[N]) {
        float sum = scales[0] * terms[0];
        UNROLL
        for (int k = 1; k < N; ++k) sum += scales[k] * terms[k];
        return sum;
    });
}

KERNEL(scaled_sum_1, ScaledSumArgs) { scaled_sum<1>(a); }
KERNEL(scaled_sum_2, ScaledSumArgs) { scaled_sum<2>(a); }
KERNEL(scaled_sum_3, ScaledSumArgs) { scaled_sum<3>(a); }
KERNEL(scaled_sum_4, ScaledSumArgs) { scaled_sum<4>(a); }
KERNEL(scaled_sum_5, ScaledSumArgs) { scaled_sum<5>(a); }
KERNEL(scaled_sum_6, ScaledSumArgs) { scaled_sum<6>(a); }
KERNEL(scaled_sum_7, ScaledSumArgs) { scaled_sum<7>(a); }
KERNEL(scaled_sum_8, ScaledSumArgs) { scaled_sum<8>(a); }
