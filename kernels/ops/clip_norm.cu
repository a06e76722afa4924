// Gradients scaled down, where the Euclidean norm of all of them together is above a bound:
//
//   norm = sqrt(sum of g^2);   g <- g min(1, max_norm / (norm + 1e-6))
//
// A block sums the squares of a piece of a tensor, in double and in an order of its own; the sum of
// those does not depend on their order. The factor stays on the device: nothing waits for the host.
#include "exact_sum.cuh"
#include "numbers.cuh"

struct Piece {
    u64 offset;
    u64 len;
};

struct ClipNormArgs {
    float* grads;
    const Piece* pieces;
    u64 count;
    // A sum of each piece.
    double* sums;
    double max_norm;
    float* norm;
    float* factor;
};

typedef Vector<float, 4> Four;

// Four elements, read at once where they may be.
static __device__ inline Four load(const float* x, bool at_once) {
    if (at_once) return Four::load(x);
    return {{x[0], x[1], x[2], x[3]}};
}

KERNEL(clip_norm_squares, ClipNormArgs) {
    __shared__ double shared[THREADS / WARP];
    const Piece piece = global(a.pieces)[blockIdx.x];
    const float* g = global(a.grads) + piece.offset;
    const u32 len = (u32)piece.len, whole = len / 4;
    const bool at_once = aligned<4>(g);
    double sums[4] = {};
    for (u32 i = threadIdx.x; i < whole; i += THREADS) {
        const Four x = load(g + 4 * i, at_once);
        UNROLL
        for (int e = 0; e < 4; e++) sums[e] += (double)x.x[e] * (double)x.x[e];
    }
    for (u32 i = 4 * whole + threadIdx.x; i < len; i += THREADS) sums[0] += (double)g[i] * (double)g[i];
    const double sum = across<Add, THREADS>((sums[0] + sums[1]) + (sums[2] + sums[3]), shared);
    if (threadIdx.x == 0) a.sums[blockIdx.x] = sum;
}

// One block.
KERNEL(clip_norm_factor, ClipNormArgs) {
    __shared__ u64 shared[THREADS / WARP];
    const double norm = sqrt(exact_sum(global(a.sums), a.count, shared));
    if (threadIdx.x != 0) return;
    const double factor = a.max_norm / (norm + 1e-6);
    *a.norm = (float)norm;
    // No number stays none.
    *a.factor = factor >= 1.0 ? 1.0f : (float)factor;
}

KERNEL(clip_norm_scale, ClipNormArgs) {
    const float factor = *global(a.factor);
    if (factor == 1.0f) return;
    const Piece piece = global(a.pieces)[blockIdx.x];
    float* g = global(a.grads) + piece.offset;
    const u32 len = (u32)piece.len, whole = aligned<4>(g) ? len / 4 : 0;
    for (u32 i = threadIdx.x; i < whole; i += THREADS) {
        Four x = Four::load(g + 4 * i);
        UNROLL
        for (int e = 0; e < 4; e++) x.x[e] = x.x[e] * factor;
        x.store(g + 4 * i);
    }
    for (u32 i = 4 * whole + threadIdx.x; i < len; i += THREADS) g[i] = g[i] * factor;
}
