// Mean and biased variance of each column of [rows, columns]: of the channels of an activation.
//
// Values are taken relative to the column's first one, and their sums and squares are double. As the
// shift is one of the values, what the squares lose by cancellation is at most a factor of `rows`,
// however far the mean is from 0.
#include "statistics.cuh"

struct StatisticsArgs {
    const double* sums;
    const float* x;
    float* mean;
    float* var;
    Tiles tiles;  // of the sums
    u64 rows;
};

KERNEL(statistics, StatisticsArgs) {
    __shared__ double shared[2 * THREADS];
    EACH_ITEM(item, a.tiles.items) {
        const Part part = part_of(a.tiles, item);
        const Moments of = moments(a.sums, a.x, a.tiles, part, a.rows, shared);
        if (part.leads()) {
            a.mean[part.column] = (float)of.mean;
            a.var[part.column] = (float)of.var;
        }
    }
}

struct ShiftedSumsArgs {
    const float* x;
    double* sums;  // [2, pieces, columns]: of x - x_0, and of its squares
    Tiles tiles;
};

KERNEL(shifted_sums, ShiftedSumsArgs) {
    __shared__ double shared[2 * THREADS];
    EACH_ITEM(item, a.tiles.items) {
        const Part part = part_of(a.tiles, item);
        const float* x = a.x + part.column;
        const double shift = part.inside ? (double)x[0] : 0.0;
        double total[2];
        fold_rows<Sum>(a.tiles, part, total, shared, [&](u64 row, double(&of)[2]) {
            const double off = (double)x[row * a.tiles.columns] - shift;
            of[0] = off;
            of[1] = off * off;
        });
        if (part.leads()) {
            const u64 at = part.piece * a.tiles.columns + part.column;
            a.sums[at] = total[0];
            a.sums[a.tiles.pieces * a.tiles.columns + at] = total[1];
        }
    }
}
