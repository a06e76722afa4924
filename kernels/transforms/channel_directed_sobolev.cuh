// The gradient of the classical Sobolev metric: x <- mean(x) + y, where (I + s L) y = x - mean(x), with
// L the negative second difference.
//
// Neumann ends: elimination, with one over each pivot among the numbers. Periodic ends: a recursion up
// the channels and one down, each of which starts with the value that it ends with.
#pragma once
#include "transforms/columns.cuh"

namespace transforms {

template <u32 NEUMANN>
struct channel_directed_sobolev {
    static __device__ inline void apply(const Column& column) {
        if (NEUMANN) {
            eliminate(column);
        } else {
            go_around(column);
        }
    }

    static __device__ inline void eliminate(const Column& column) {
        const double s = column.numbers[0];
        const double* inverse = column.numbers + 1;
        const double mean = column.mean();
        double above = 0.0;
        for (u32 i = 0; i < column.n; i++) {
            above = (column.get(i) - mean + s * above) * inverse[i];
            column.work(i) = above;
        }
        double below = 0.0;
        for (u32 i = column.n; i-- > 0;) {
            below = column.work(i) + s * inverse[i] * below;
            column.set(i, below + mean);
        }
    }

    static __device__ inline void go_around(const Column& column) {
        const double ratio = column.numbers[0], scale = column.numbers[3];
        const Divisor open(column.numbers[1], column.numbers[2]);
        const double mean = column.mean();
        double y = 0.0;
        for (u32 i = 0; i < column.n; i++) y = ratio * y + (column.get(i) - mean);
        y = open.of(y);
        for (u32 i = 0; i < column.n; i++) {
            y = ratio * y + (column.get(i) - mean);
            column.work(i) = y;
        }
        y = 0.0;
        for (u32 i = column.n; i-- > 0;) y = ratio * y + column.work(i);
        y = open.of(y);
        for (u32 i = column.n; i-- > 0;) {
            y = ratio * y + column.work(i);
            column.set(i, scale * y + mean);
        }
    }
};

}  // namespace transforms
