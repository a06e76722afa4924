// Transforms of the columns of tensors along an axis, each column by itself: all tensors in one launch.
//
// A row-major tensor is blocks of n rows of `inner` elements, and columns run along the rows. A thread
// has a column, so that neighbouring threads read neighbouring elements. Sums are in double, in the
// order of the rows.
#pragma once
#include "numbers.cuh"
#include "quotient.cuh"

// What a block of threads works on: up to THREADS columns of a tensor.
struct Columns {
    // The tensor: its first element, its rows, and how far apart they are.
    u64 offset;
    u64 n;
    u64 inner;
    // The columns.
    u64 first;
    u64 count;
    // Where 1 / n and then what the transform wants begin, among the numbers of all tensors.
    u64 numbers;
    // Where the work space of these columns begins, n rows of THREADS.
    u64 scratch;
};

struct ColumnsArgs {
    float* tensors;
    const Columns* columns;
    const double* numbers;
    double* scratch;
};

// One column, and what a transform needs besides.
struct Column {
    float* x;
    u32 n;
    u32 stride;
    double inverse_n;
    const double* numbers;
    double* scratch;

    __device__ inline double get(u32 i) const { return (double)x[(u64)i * stride]; }
    __device__ inline void set(u32 i, double value) const { x[(u64)i * stride] = (float)value; }
    __device__ inline double& work(u32 i) const { return scratch[(u64)i * THREADS]; }

    __device__ inline double mean_of(double sum) const { return Divisor((double)n, inverse_n).of(sum); }

    __device__ inline double mean() const {
        double sum = 0.0;
        for (u32 i = 0; i < n; i++) sum += get(i);
        return mean_of(sum);
    }
};

template <class Transform>
static __device__ inline void each_column(const ColumnsArgs& a) {
    const Columns columns = global(a.columns)[blockIdx.x];
    if (threadIdx.x >= columns.count) return;
    const u64 at = columns.first + threadIdx.x;
    const u64 start = at / columns.inner * columns.n * columns.inner + at % columns.inner;
    Column column;
    column.x = global(a.tensors) + columns.offset + start;
    column.n = (u32)columns.n;
    column.stride = (u32)columns.inner;
    const double* numbers = global(a.numbers) + columns.numbers;
    column.inverse_n = numbers[0];
    column.numbers = numbers + 1;
    column.scratch = global(a.scratch) + columns.scratch + threadIdx.x;
    Transform::apply(column);
}
