// y = a ∘ b: of one shape, or with axes of extent 1 repeated.
#include "strided.cuh"
#include "vector.cuh"

struct BinaryArgs {
    const float* a;
    const float* b;
    float* y;
    u64 len;
};

struct BinaryWalkArgs {
    const float* a;
    const float* b;
    float* y;
    u64 len;
    Walk<2> walk;  // of a and b
};

template <class Index, class F>
static __device__ inline void walk(const BinaryWalkArgs& a, F f) {
    FOR_EACH(i, a.len) {
        Index at[2];
        locate(a.walk, (Index)i, at);
        a.y[i] = f(a.a[at[0]], a.b[at[1]]);
    }
}

#define ARITHMETIC(name, value)                                                        \
    KERNEL(name##_same, BinaryArgs) {                                                  \
        const float* const in[] = {a.a, a.b};                                          \
        map(in, a.y, a.len, [](const float(&in)[2]) {                                  \
            const float a = in[0], b = in[1];                                          \
            return value;                                                              \
        });                                                                            \
    }                                                                                  \
    KERNEL(name##_walk, BinaryWalkArgs) {                                              \
        walk<u32>(a, [](float a, float b) { return value; });                          \
    }                                                                                  \
    KERNEL(name##_walk_wide, BinaryWalkArgs) {                                         \
        walk<u64>(a, [](float a, float b) { return value; });                          \
    }

ARITHMETIC(add, a + b)
ARITHMETIC(sub, a - b)
ARITHMETIC(mul, a * b)
ARITHMETIC(div, a / b)
