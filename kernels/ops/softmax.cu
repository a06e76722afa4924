// Softmax or its logarithm over each row of [rows, columns], after the row's maximum is taken off, and
// their gradients. Sums are double.
#include "rows.cuh"

struct SoftmaxArgs {
    const float* x;
    float* y;
    u64 rows, columns;
};

template <int LANES, bool LOG>
static __device__ inline void softmax(const SoftmaxArgs& a, float* maxima, double* sums) {
    EACH_ITEM(item, Rows<LANES>::items(a.rows)) {
        const u64 row = Rows<LANES>::row(item), columns = row < a.rows ? a.columns : 0;
        const float* x = a.x + row * a.columns;
        float* y = a.y + row * a.columns;
        float largest = minus_infinity();
        for (u64 c = Rows<LANES>::lane(); c < columns; c += LANES) largest = fmaxf(largest, x[c]);
        largest = across<Larger, LANES>(largest, maxima);
        double sum = 0.0;
        for (u64 c = Rows<LANES>::lane(); c < columns; c += LANES) sum += (double)expf(x[c] - largest);
        sum = across<Add, LANES>(sum, sums);
        const float log_sum = (float)log(sum), factor = (float)(1.0 / sum);
        for (u64 c = Rows<LANES>::lane(); c < columns; c += LANES) {
            const float shifted = x[c] - largest;
            y[c] = LOG ? shifted - log_sum : expf(shifted) * factor;
        }
    }
}

struct SoftmaxGradArgs {
    const float* y;
    const float* dy;
    float* dx;
    u64 rows, columns;
};

// dx = y (dy - y · dy); of the logarithm, dx = dy - exp(y) (1 · dy).
template <int LANES, bool LOG>
static __device__ inline void softmax_grad(const SoftmaxGradArgs& a, double* sums) {
    EACH_ITEM(item, Rows<LANES>::items(a.rows)) {
        const u64 row = Rows<LANES>::row(item), columns = row < a.rows ? a.columns : 0;
        const float* y = a.y + row * a.columns;
        const float* dy = a.dy + row * a.columns;
        float* dx = a.dx + row * a.columns;
        double sum = 0.0;
        for (u64 c = Rows<LANES>::lane(); c < columns; c += LANES) {
            sum += LOG ? (double)dy[c] : (double)y[c] * (double)dy[c];
        }
        const float total = (float)across<Add, LANES>(sum, sums);
        for (u64 c = Rows<LANES>::lane(); c < columns; c += LANES) {
            dx[c] = LOG ? dy[c] - expf(y[c]) * total : y[c] * (dy[c] - total);
        }
    }
}

#define SOFTMAX(name, LANES, LOG)                    \
    KERNEL(name, SoftmaxArgs) {                      \
        __shared__ float maxima[THREADS / WARP];     \
        __shared__ double sums[THREADS / WARP];      \
        softmax<LANES, LOG>(a, maxima, sums);        \
    }                                                \
    KERNEL(name##_grad, SoftmaxGradArgs) {           \
        __shared__ double sums[THREADS / WARP];      \
        softmax_grad<LANES, LOG>(a, sums);           \
    }

SOFTMAX(softmax_short, WARP, false)
SOFTMAX(softmax_long, THREADS, false)
SOFTMAX(log_softmax_short, WARP, true)
SOFTMAX(log_softmax_long, THREADS, true)
