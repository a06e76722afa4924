// The gradient of the Sobolev metric that is split by the mean: x <- mean(x) + y, where
//
//   y_(i+1) = y_i + scale (closing - p_i),   p the prefix sums of x - mean(x),   mean(y) = 0
//
// scale is 1 / (lambda n^2); closing is mean(p) where the ends meet, and 0 where they are free. The
// prefix sums are made anew in each pass, which costs less than to keep them.
#pragma once
#include "transforms/columns.cuh"

namespace transforms {

template <u32 NEUMANN>
struct channel_directed_h1 {
    static __device__ inline void apply(const Column& column) {
        const double scale = column.numbers[0];
        const double mean = column.mean();
        double closing = 0.0;
        if (!NEUMANN) {
            double prefix = 0.0, total = 0.0;
            for (u32 i = 0; i < column.n; i++) {
                prefix += column.get(i) - mean;
                total += prefix;
            }
            closing = column.mean_of(total);
        }
        double prefix = 0.0, y = 0.0, sum = 0.0;
        for (u32 i = 0; i < column.n; i++) {
            prefix += column.get(i) - mean;
            sum += y;
            y = y + scale * (closing - prefix);
        }
        const double mean_of_y = column.mean_of(sum);
        prefix = 0.0;
        y = 0.0;
        for (u32 i = 0; i < column.n; i++) {
            prefix += column.get(i) - mean;
            column.set(i, (y - mean_of_y) + mean);
            y = y + scale * (closing - prefix);
        }
    }
};

}  // namespace transforms
