// Folds over the rows of matrices, column by column, in an order that the shape alone gives.
//
// The rows of [matrices, rows, columns] are cut into pieces. A block folds one piece of a few columns:
// `lanes` threads share the rows of a column, and their results are folded as a tree. What the pieces
// give is folded again, as the rows of a smaller matrix.
#pragma once
#include "lowland.cuh"

// How the work is cut; `Tiles` in Rust decides it. width · lanes divides THREADS, all powers of two.
struct Tiles {
    u64 matrices, rows, columns;
    u64 pieces, piece_rows;
    u64 items;
    u64 width, lanes;
};

// What one thread does of an item.
struct Part {
    u64 matrix, piece, column;
    u64 first, end;  // rows of the piece
    u32 lane;
    bool inside;     // else there is no such matrix or column

    // Whether this thread has the result.
    __device__ bool leads() const { return inside && lane == 0; }
};

static __device__ inline Part part_of(const Tiles& t, u64 item) {
    const u32 width = (u32)t.width, lanes = (u32)t.lanes;
    const u64 column_tiles = (t.columns + width - 1) / width;
    const u32 matrix_in_item = threadIdx.x / (width * lanes);
    Part part;
    part.column = item % column_tiles * width + threadIdx.x % width;
    part.lane = threadIdx.x / width % lanes;
    item /= column_tiles;
    part.piece = item % t.pieces;
    part.matrix = item / t.pieces * (THREADS / (width * lanes)) + matrix_in_item;
    part.inside = part.matrix < t.matrices && part.column < t.columns;
    part.first = part.piece * t.piece_rows;
    const u64 end = part.first + t.piece_rows;
    part.end = part.inside ? (end < t.rows ? end : t.rows) : part.first;
    return part;
}

// Sums.
struct Sum {
    static __device__ inline double start() { return 0.0; }
    static __device__ inline double of(double a, double x) { return a + x; }
};

// Maxima; a NaN stays.
struct Max {
    static __device__ inline double start() { return (double)__int_as_float((int)0xff800000u); }
    static __device__ inline double of(double a, double x) { return x > a || x != x ? x : a; }
};

// Folds N numbers a row: `term(row, numbers)` gives them. The thread that leads gets the results. All
// threads of the block call it; `shared` has N · THREADS numbers.
template <class Fold, int N, class Term>
static __device__ inline void fold_rows(const Tiles& t, const Part& part, double (&total)[N],
                                        double* shared, Term term) {
    UNROLL
    for (int k = 0; k < N; ++k) total[k] = Fold::start();
    UNROLL_BY(4)
    for (u64 row = part.first + part.lane; row < part.end; row += t.lanes) {
        double numbers[N];
        term(row, numbers);
        UNROLL
        for (int k = 0; k < N; ++k) total[k] = Fold::of(total[k], numbers[k]);
    }
    const u32 me = threadIdx.x;
    UNROLL
    for (int k = 0; k < N; ++k) shared[k * THREADS + me] = total[k];
    __syncthreads();
    for (u32 half = (u32)t.lanes / 2; half > 0; half /= 2) {
        if (part.lane < half) {
            const u32 other = me + half * (u32)t.width;
            UNROLL
            for (int k = 0; k < N; ++k) {
                double& mine = shared[k * THREADS + me];
                mine = Fold::of(mine, shared[k * THREADS + other]);
            }
        }
        __syncthreads();
    }
    UNROLL
    for (int k = 0; k < N; ++k) total[k] = shared[k * THREADS + me];
    __syncthreads();
}
