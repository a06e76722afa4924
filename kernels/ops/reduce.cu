// Sums, means and maxima over the rows of [matrices, rows, columns]. Sums are double throughout;
// partial results, of pieces of rows or of some axes, stay double.
#include "columns.cuh"
#include "strided.cuh"

template <class T, class Y>
struct ReduceArgs {
    const T* x;
    Y* y;  // [matrices, pieces, columns]
    double divisor;
    Tiles tiles;
};

template <class Fold, class T, class Y>
static __device__ inline void reduce(const ReduceArgs<T, Y>& a, double* shared) {
    EACH_ITEM(item, a.tiles.items) {
        const Part part = part_of(a.tiles, item);
        const T* x = a.x + part.matrix * a.tiles.rows * a.tiles.columns + part.column;
        double total[1];
        fold_rows<Fold>(a.tiles, part, total, shared, [&](u64 row, double(&of)[1]) {
            of[0] = (double)x[row * a.tiles.columns];
        });
        if (part.leads()) {
            const u64 piece = part.matrix * a.tiles.pieces + part.piece;
            a.y[piece * a.tiles.columns + part.column] = (Y)(total[0] / a.divisor);
        }
    }
}

typedef ReduceArgs<float, float> ReduceOnce;
typedef ReduceArgs<float, double> ReduceBegin;
typedef ReduceArgs<double, double> ReduceGoOn;
typedef ReduceArgs<double, float> ReduceEnd;

#define REDUCTION(name, Fold)                 \
    KERNEL(name##_once, ReduceOnce) {         \
        __shared__ double shared[THREADS];    \
        reduce<Fold>(a, shared);              \
    }                                         \
    KERNEL(name##_begin, ReduceBegin) {       \
        __shared__ double shared[THREADS];    \
        reduce<Fold>(a, shared);              \
    }                                         \
    KERNEL(name##_go_on, ReduceGoOn) {        \
        __shared__ double shared[THREADS];    \
        reduce<Fold>(a, shared);              \
    }                                         \
    KERNEL(name##_end, ReduceEnd) {           \
        __shared__ double shared[THREADS];    \
        reduce<Fold>(a, shared);              \
    }

REDUCTION(sum, Sum)
REDUCTION(max, Max)

// The gradient of a maximum: dx is 0 before, and becomes dy at the first element that has it.
struct MaxGradArgs {
    const float* x;
    const float* y;
    const float* dy;
    float* dx;
    u64 results, count;  // count elements go into each result
    Walk<1> results_in_x;
    Walk<1> elements_in_x;
    u64 lanes;  // threads that share a result, a power of two
};

template <class Index>
static __device__ inline void max_grad(const MaxGradArgs& a, u64* shared) {
    const u32 lanes = (u32)a.lanes, together = THREADS / lanes;
    const u32 me = threadIdx.x, lane = me / together;
    EACH_ITEM(item, (a.results + together - 1) / together) {
        const u64 result = item * together + me % together;
        u64 found = a.count;
        Index start[1] = {0};
        if (result < a.results) {
            const float max = a.y[result];
            locate(a.results_in_x, (Index)result, start);
            for (u64 i = lane; i < a.count && found == a.count; i += lanes) {
                Index at[1];
                locate(a.elements_in_x, (Index)i, at);
                const float x = a.x[start[0] + at[0]];
                if (x == max || (x != x && max != max)) found = i;
            }
        }
        shared[me] = found;
        __syncthreads();
        for (u32 half = lanes / 2; half > 0; half /= 2) {
            if (lane < half) {
                const u64 other = shared[me + half * together];
                if (other < shared[me]) shared[me] = other;
            }
            __syncthreads();
        }
        if (lane == 0 && result < a.results && shared[me] < a.count) {
            Index at[1];
            locate(a.elements_in_x, (Index)shared[me], at);
            a.dx[start[0] + at[0]] = a.dy[result];
        }
        __syncthreads();
    }
}

KERNEL(max_grad_narrow, MaxGradArgs) {
    __shared__ u64 shared[THREADS];
    max_grad<u32>(a, shared);
}
KERNEL(max_grad_wide, MaxGradArgs) {
    __shared__ u64 shared[THREADS];
    max_grad<u64>(a, shared);
}
