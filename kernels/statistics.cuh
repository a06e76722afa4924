// Mean and variance of a column from the sums that ops/statistics.cu takes of pieces of its rows.
#pragma once
#include "columns.cuh"

struct Moments {
    double mean, var;
};

// `sums` is [2, tiles.rows, columns]: those of x - x_0 of each piece, then those of its squares. The
// thread that leads gets the result.
static __device__ inline Moments moments(const double* sums, const float* x, const Tiles& tiles,
                                         const Part& part, u64 rows, double* shared) {
    double total[2];
    fold_rows<Sum>(tiles, part, total, shared, [&](u64 piece, double(&of)[2]) {
        const u64 at = piece * tiles.columns + part.column;
        of[0] = sums[at];
        of[1] = sums[tiles.rows * tiles.columns + at];
    });
    if (!part.leads()) return {0.0, 0.0};
    const double n = (double)rows, mean = total[0] / n;
    const double squares = total[1] - total[0] * mean;
    return {(double)x[part.column] + mean, squares > 0.0 || squares != squares ? squares / n : 0.0};
}
