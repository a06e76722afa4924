// y = f(x) and dx = f'(x) dy, where f'(x) is computed from x or from y, as the op says.
#include "vector.cuh"

struct UnaryArgs {
    const float* x;
    float* y;
    u64 len;
};

struct UnaryGradArgs {
    const float* from;
    const float* dy;
    float* dx;
    u64 len;
};

#define FUNCTION(name, value)                                                     \
    KERNEL(name##_forward, UnaryArgs) {                                           \
        const float* const in[] = {a.x};                                          \
        map(in, a.y, a.len, [](const float(&in)[1]) {                             \
            const float x = in[0];                                                \
            return value;                                                         \
        });                                                                       \
    }

#define DERIVATIVE(name, argument, value)                                         \
    KERNEL(name##_grad, UnaryGradArgs) {                                          \
        const float* const in[] = {a.from, a.dy};                                 \
        map(in, a.dx, a.len, [](const float(&in)[2]) {                            \
            const float argument = in[0], dy = in[1];                             \
            return value;                                                         \
        });                                                                       \
    }

// Written so that a NaN passes.
FUNCTION(relu, x <= 0.0f ? 0.0f : x)
DERIVATIVE(relu, y, y <= 0.0f ? 0.0f : dy)

FUNCTION(atan, atanf(x))
DERIVATIVE(atan, x, dy / (1.0f + x * x))

FUNCTION(tanh, tanhf(x))
DERIVATIVE(tanh, y, dy * (1.0f - y * y))

FUNCTION(log, logf(x))
DERIVATIVE(log, x, dy / x)

FUNCTION(exp, expf(x))
DERIVATIVE(exp, y, dy * y)

FUNCTION(signed_log, copysignf(log1pf(fabsf(x)), x))
DERIVATIVE(signed_log, x, dy / (1.0f + fabsf(x)))
