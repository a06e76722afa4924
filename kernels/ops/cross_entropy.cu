// The mean over rows of the cross-entropy between softmax of the logits and the smoothed labels, and
// its gradient; neither writes the softmax. Sums and exponentials are double.
//
// That labels are classes is checked before. One that is none is never used as an index.
#include "rows.cuh"

// The largest logit of a row, and the logarithm of the sum of exponentials of what remains above it.
struct LogSum {
    double largest, log_sum;
};

template <int LANES>
static __device__ inline LogSum log_sum_exp(const float* logits, u64 classes, float* maxima,
                                            double* sums) {
    float largest = minus_infinity();
    for (u64 c = Rows<LANES>::lane(); c < classes; c += LANES) largest = fmaxf(largest, logits[c]);
    largest = across<Larger, LANES>(largest, maxima);
    double sum = 0.0;
    for (u64 c = Rows<LANES>::lane(); c < classes; c += LANES) {
        sum += exp((double)logits[c] - (double)largest);
    }
    return {(double)largest, log(across<Add, LANES>(sum, sums))};
}

struct CrossEntropyArgs {
    const float* logits;
    const u32* labels;
    double* losses;  // one a row
    u64 rows, classes;
    double smoothing;
};

template <int LANES>
static __device__ inline void row_losses_of(const CrossEntropyArgs& a, float* maxima,
                                            double* sums) {
    EACH_ITEM(item, Rows<LANES>::items(a.rows)) {
        const u64 row = Rows<LANES>::row(item), classes = row < a.rows ? a.classes : 0;
        const float* logits = a.logits + row * a.classes;
        const u32 label = row < a.rows ? a.labels[row] : 0;
        const LogSum of = log_sum_exp<LANES>(logits, classes, maxima, sums);
        double of_label = 0.0, of_all = 0.0;
        for (u64 c = Rows<LANES>::lane(); c < classes; c += LANES) {
            const double loss = of.log_sum - ((double)logits[c] - of.largest);
            // Without smoothing the others do not count: 0 times an infinite loss would be a NaN.
            if (a.smoothing != 0.0) of_all += loss;
            if (c == label) of_label = loss;
        }
        of_label = across<Add, LANES>(of_label, sums);
        of_all = across<Add, LANES>(of_all, sums);
        if (row < a.rows && Rows<LANES>::lane() == 0) {
            const double mean = of_all / (double)a.classes;
            a.losses[row] = a.smoothing != 0.0
                                ? (1.0 - a.smoothing) * of_label + a.smoothing * mean
                                : of_label;
        }
    }
}

KERNEL(row_losses_short, CrossEntropyArgs) {
    __shared__ float maxima[THREADS / WARP];
    __shared__ double sums[THREADS / WARP];
    row_losses_of<WARP>(a, maxima, sums);
}

KERNEL(row_losses_long, CrossEntropyArgs) {
    __shared__ float maxima[THREADS / WARP];
    __shared__ double sums[THREADS / WARP];
    row_losses_of<THREADS>(a, maxima, sums);
}

struct MeanLossArgs {
    const double* losses;
    float* loss;
    u64 rows;
};

// In one block.
KERNEL(mean_loss, MeanLossArgs) {
    __shared__ double sums[THREADS / WARP];
    double sum = 0.0;
    for (u64 row = threadIdx.x; row < a.rows; row += THREADS) sum += a.losses[row];
    sum = across<Add, THREADS>(sum, sums);
    if (blockIdx.x == 0 && threadIdx.x == 0) a.loss[0] = (float)(sum / (double)a.rows);
}

struct CrossEntropyGradArgs {
    const float* logits;
    const u32* labels;
    const float* dloss;
    float* dlogits;
    u64 rows, classes;
    double smoothing;
};

template <int LANES>
static __device__ inline void cross_entropy_grad(const CrossEntropyGradArgs& a, float* maxima,
                                                 double* sums) {
    const double factor = (double)a.dloss[0] / (double)a.rows;
    const double of_each = a.smoothing / (double)a.classes;
    EACH_ITEM(item, Rows<LANES>::items(a.rows)) {
        const u64 row = Rows<LANES>::row(item), classes = row < a.rows ? a.classes : 0;
        const float* logits = a.logits + row * a.classes;
        const u32 label = row < a.rows ? a.labels[row] : 0;
        const LogSum of = log_sum_exp<LANES>(logits, classes, maxima, sums);
        for (u64 c = Rows<LANES>::lane(); c < classes; c += LANES) {
            const double target = of_each + (c == label ? 1.0 - a.smoothing : 0.0);
            const double softmax = exp((double)logits[c] - of.largest - of.log_sum);
            a.dlogits[row * a.classes + c] = (float)(factor * (softmax - target));
        }
    }
}

KERNEL(cross_entropy_grad_short, CrossEntropyGradArgs) {
    __shared__ float maxima[THREADS / WARP];
    __shared__ double sums[THREADS / WARP];
    cross_entropy_grad<WARP>(a, maxima, sums);
}

KERNEL(cross_entropy_grad_long, CrossEntropyGradArgs) {
    __shared__ float maxima[THREADS / WARP];
    __shared__ double sums[THREADS / WARP];
    cross_entropy_grad<THREADS>(a, maxima, sums);
}
