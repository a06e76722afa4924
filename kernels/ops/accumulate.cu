// y <- a x + b y, in place; with b = 0, a copy times a, which does not read y.
#include "vector.cuh"

struct AccumulateArgs {
    const float* x;
    float* y;
    u64 len;
    float a;
    float b;
};

KERNEL(accumulate, AccumulateArgs) {
    const float* const in[] = {a.x, a.y};
    map(in, a.y, a.len, [=](const float(&in)[2]) { return a.a * in[0] + a.b * in[1]; });
}

KERNEL(scaled_copy, AccumulateArgs) {
    const float* const in[] = {a.x};
    map(in, a.y, a.len, [=](const float(&in)[1]) { return a.a * in[0]; });
}
