// The gradient of the re-weighted L2 metric: x <- mean(x) + (x - mean(x)) / lambda
#pragma once
#include "transforms/columns.cuh"

namespace transforms {

struct channel_directed_h0 {
    static __device__ inline void apply(const Column& column) {
        const Divisor lambda(column.numbers[0], column.numbers[1]);
        const double mean = column.mean();
        for (u32 i = 0; i < column.n; i++) column.set(i, lambda.of(column.get(i) - mean) + mean);
    }
};

}  // namespace transforms
