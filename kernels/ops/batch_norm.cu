// Batch normalisation, y = epilogue((x - mean) scale + shift), channel by channel, and its gradients.
// x is [rows, channels].
//
// Two passes over memory forward: ops/statistics.cu sums up, `normalise` writes y. Two backward: the
// sums of dy and of dy (x - mean), then dx. In between, a small kernel makes a table of what each
// channel's elements are multiplied with. A ReLU's mask is found from x again, by the same arithmetic.
#include "statistics.cuh"
#include "strided.cuh"
#include "vector.cuh"

// What a ReLU lets through of dy, where its argument or its result was z; a NaN passes.
static __device__ inline float mask(float z, float dy) { return z <= 0.0f ? 0.0f : dy; }

static __device__ inline float relu(float z) { return z <= 0.0f ? 0.0f : z; }

// y = (x - mean) scale + shift.
struct Affine {
    float mean, scale, shift;

    __device__ float of(float x) const { return (x - mean) * scale + shift; }
};

static __device__ inline double inverse_deviation(double var, double eps) {
    return 1.0 / sqrt(var + eps);
}

// What rounding takes off the mean goes into the shift.
static __device__ inline Affine affine(double mean, double var, float weight, float bias,
                                       double eps) {
    const double scale = (double)weight * inverse_deviation(var, eps);
    const float rounded = (float)mean;
    return {rounded, (float)scale, (float)((double)bias - (mean - (double)rounded) * scale)};
}

// Tables are [numbers a channel, channels].
static __device__ inline void put(float* table, u64 channels, u64 c, const Affine& of) {
    table[c] = of.mean;
    table[channels + c] = of.scale;
    table[2 * channels + c] = of.shift;
}

struct TrainingTableArgs {
    const double* sums;
    const float* x;
    const float* weight;
    const float* bias;
    float* mean;
    float* var;
    float* table;
    double eps;
    Tiles tiles;  // of the sums
    u64 rows;
    // Whether y comes from the rounded statistics: a gradient that finds a ReLU's mask has only those.
    u64 from_rounded;
};

KERNEL(training_table, TrainingTableArgs) {
    __shared__ double shared[2 * THREADS];
    // In 32 bits, as there are no more items than channels: in 64, a register is spilled on sm_90.
    for (u32 item = blockIdx.x; item < (u32)a.tiles.items; item += gridDim.x) {
        const Part part = part_of(a.tiles, item);
        Moments of = moments(a.sums, a.x, a.tiles, part, a.rows, shared);
        if (part.leads()) {
            const u64 c = part.column;
            const float mean = (float)of.mean, var = (float)of.var;
            a.mean[c] = mean;
            a.var[c] = var;
            if (a.from_rounded) of = {(double)mean, (double)var};
            const Affine normal = affine(of.mean, of.var, a.weight[c], a.bias[c], a.eps);
            put(a.table, a.tiles.columns, c, normal);
        }
    }
}

struct InferenceTableArgs {
    const float* weight;
    const float* bias;
    const float* mean;
    const float* var;
    float* table;
    double eps;
    u64 channels;
};

KERNEL(inference_table, InferenceTableArgs) {
    FOR_EACH(c, a.channels) {
        const double mean = (double)a.mean[c], var = (double)a.var[c];
        put(a.table, a.channels, c, affine(mean, var, a.weight[c], a.bias[c], a.eps));
    }
}

// y[i] = f(numbers of i's channel, {x_0[i], ...}); four channels at a time where they come in fours.
template <int NUMBERS, int N, class F>
static __device__ inline void channel_wise(const float* table, const Divider& channels,
                                           const float* const (&x)[N], float* y, u64 len, F f) {
    const u64 width = channels.divisor;
    bool fours = width % 4 == 0 && is_aligned(y);
    UNROLL
    for (int k = 0; k < N; ++k) fours = fours && is_aligned(x[k]);
    const bool narrow = len < 0x80000000u;
    const auto channel_of = [&](u64 i) {
        if (!narrow) return i % width;
        u32 rest = (u32)i;
        return (u64)divide(rest, channels);
    };
    const u64 whole = fours ? len / 4 : 0;
    FOR_EACH(i, whole) {
        const u64 c = channel_of(4 * i);
        Vec4 of[NUMBERS], in[N], out;
        UNROLL
        for (int k = 0; k < NUMBERS; ++k) of[k] = load4(table + k * width + c, 0);
        UNROLL
        for (int k = 0; k < N; ++k) in[k] = load4(x[k], i);
        UNROLL
        for (int j = 0; j < 4; ++j) {
            float numbers[NUMBERS], elements[N];
            UNROLL
            for (int k = 0; k < NUMBERS; ++k) numbers[k] = of[k].of[j];
            UNROLL
            for (int k = 0; k < N; ++k) elements[k] = in[k].of[j];
            out.of[j] = f(numbers, elements);
        }
        store4(y, i, out);
    }
    FOR_EACH(i, fours ? 0 : len) {
        const u64 c = channel_of(i);
        float numbers[NUMBERS], elements[N];
        UNROLL
        for (int k = 0; k < NUMBERS; ++k) numbers[k] = table[k * width + c];
        UNROLL
        for (int k = 0; k < N; ++k) elements[k] = x[k][i];
        y[i] = f(numbers, elements);
    }
}

struct NormaliseArgs {
    const float* table;
    const float* x;
    const float* residual;
    float* y;
    u64 len;
    Divider channels;
};

KERNEL(normalise, NormaliseArgs) {
    const float* const x[] = {a.x};
    channel_wise<3>(a.table, a.channels, x, a.y, a.len, [](const float(&n)[3], const float(&x)[1]) {
        return Affine{n[0], n[1], n[2]}.of(x[0]);
    });
}

KERNEL(normalise_relu, NormaliseArgs) {
    const float* const x[] = {a.x};
    channel_wise<3>(a.table, a.channels, x, a.y, a.len, [](const float(&n)[3], const float(&x)[1]) {
        return relu(Affine{n[0], n[1], n[2]}.of(x[0]));
    });
}

KERNEL(normalise_add_relu, NormaliseArgs) {
    const float* const x[] = {a.x, a.residual};
    channel_wise<3>(a.table, a.channels, x, a.y, a.len, [](const float(&n)[3], const float(&x)[2]) {
        return relu(Affine{n[0], n[1], n[2]}.of(x[0]) + x[1]);
    });
}

struct GradSumsArgs {
    const float* x;
    const float* weight;
    const float* bias;  // with a ReLU
    const float* mean;
    const float* var;
    const float* y;     // behind an addition
    const float* dy;
    float* passed;      // behind an addition: what the ReLU lets through of dy
    double* sums;       // [2, pieces, channels]: of dy, and of dy (x - mean)
    double eps;
    Tiles tiles;
};

// `reached(i, x, channel's affine map)` is what reaches the normalisation of dy[i].
template <class Reached>
static __device__ inline void grad_sums_of(const GradSumsArgs& a, const Part& part, double* shared,
                                           Reached reached) {
    const float mean = part.inside ? a.mean[part.column] : 0.0f;
    double total[2];
    fold_rows<Sum>(a.tiles, part, total, shared, [&](u64 row, double(&of)[2]) {
        const u64 i = row * a.tiles.columns + part.column;
        const float x = a.x[i];
        const double dy = (double)reached(i, x);
        of[0] = dy;
        of[1] = dy * ((double)x - (double)mean);
    });
    if (part.leads()) {
        const u64 at = part.piece * a.tiles.columns + part.column;
        a.sums[at] = total[0];
        a.sums[a.tiles.pieces * a.tiles.columns + at] = total[1];
    }
}

KERNEL(grad_sums, GradSumsArgs) {
    __shared__ double shared[2 * THREADS];
    EACH_ITEM(item, a.tiles.items) {
        const Part part = part_of(a.tiles, item);
        grad_sums_of(a, part, shared, [&](u64 i, float) { return a.dy[i]; });
    }
}

KERNEL(grad_sums_relu, GradSumsArgs) {
    __shared__ double shared[2 * THREADS];
    EACH_ITEM(item, a.tiles.items) {
        const Part part = part_of(a.tiles, item);
        const u64 c = part.column;
        Affine normal = {0.0f, 0.0f, 0.0f};
        if (part.inside) {
            normal = affine((double)a.mean[c], (double)a.var[c], a.weight[c], a.bias[c], a.eps);
        }
        grad_sums_of(a, part, shared,
                     [&](u64 i, float x) { return mask(normal.of(x), a.dy[i]); });
    }
}

KERNEL(grad_sums_add_relu, GradSumsArgs) {
    __shared__ double shared[2 * THREADS];
    EACH_ITEM(item, a.tiles.items) {
        const Part part = part_of(a.tiles, item);
        grad_sums_of(a, part, shared, [&](u64 i, float) {
            const float passed = mask(a.y[i], a.dy[i]);
            a.passed[i] = passed;
            return passed;
        });
    }
}

// dx = scale dy + slope (x - mean) + offset; where the statistics are given, scale dy alone.
struct GradTableArgs {
    const double* sums;
    const float* weight;
    const float* bias;  // with a ReLU
    const float* mean;
    const float* var;
    float* dweight;
    float* dbias;
    float* table;  // mean, scale, slope, offset, then, with a ReLU, scale and shift of its argument
    double eps;
    Tiles tiles;   // of the sums
    u64 rows;
    u64 by_batch;  // whether the statistics change with x
};

KERNEL(grad_table, GradTableArgs) {
    __shared__ double shared[2 * THREADS];
    const u64 channels = a.tiles.columns;
    EACH_ITEM(item, a.tiles.items) {
        const Part part = part_of(a.tiles, item);
        double total[2];
        fold_rows<Sum>(a.tiles, part, total, shared, [&](u64 piece, double(&of)[2]) {
            const u64 at = piece * channels + part.column;
            of[0] = a.sums[at];
            of[1] = a.sums[a.tiles.rows * channels + at];
        });
        if (part.leads()) {
            const u64 c = part.column;
            const double inverse = inverse_deviation((double)a.var[c], a.eps);
            const double scale = (double)a.weight[c] * inverse, rows = (double)a.rows;
            a.dbias[c] = (float)total[0];
            a.dweight[c] = (float)(total[1] * inverse);
            float* table = a.table + c;
            table[0] = a.mean[c];
            table[channels] = (float)scale;
            table[2 * channels] =
                a.by_batch ? (float)(-scale * inverse * inverse * (total[1] / rows)) : 0.0f;
            table[3 * channels] = a.by_batch ? (float)(-scale * (total[0] / rows)) : 0.0f;
            if (a.bias) {
                const double mean = (double)a.mean[c], var = (double)a.var[c];
                const Affine normal = affine(mean, var, a.weight[c], a.bias[c], a.eps);
                table[4 * channels] = normal.scale;
                table[5 * channels] = normal.shift;
            }
        }
    }
}

struct GradInputArgs {
    const float* table;
    const float* x;
    const float* dy;  // behind an addition: what its ReLU let through
    float* dx;
    u64 len;
    Divider channels;
};

KERNEL(grad_input, GradInputArgs) {
    const float* const in[] = {a.x, a.dy};
    channel_wise<4>(a.table, a.channels, in, a.dx, a.len,
                    [](const float(&n)[4], const float(&in)[2]) {
                        return n[1] * in[1] + n[2] * (in[0] - n[0]) + n[3];
                    });
}

KERNEL(grad_input_relu, GradInputArgs) {
    const float* const in[] = {a.x, a.dy};
    channel_wise<6>(a.table, a.channels, in, a.dx, a.len,
                    [](const float(&n)[6], const float(&in)[2]) {
                        const float passed = mask(Affine{n[0], n[4], n[5]}.of(in[0]), in[1]);
                        return n[1] * passed + n[2] * (in[0] - n[0]) + n[3];
                    });
}

// By given statistics, without a ReLU whose mask is looked for: x is not read.
KERNEL(grad_input_given, GradInputArgs) {
    const float* const in[] = {a.dy};
    channel_wise<1>(a.table + a.channels.divisor, a.channels, in, a.dx, a.len,
                    [](const float(&n)[1], const float(&in)[1]) { return n[0] * in[0]; });
}
