// The sum of numbers, the same in every bit whatever their order.
//
// With 2^e above the largest magnitude, each number is cut into a multiple of 2^(e - 40) and a rest,
// which is rounded to a multiple of 2^(e - 80). Both are integers, whose sums are exact, for up to
// 2^22 numbers.
#pragma once
#include "rows.cuh"

// The larger of two numbers, or the NaN among them.
struct LargerOrNan {
    static __device__ inline double of(double a, double b) { return !(a < b) && b == b ? a : b; }
};

// All threads of the block call it, and get the sum. `shared` has room for a value of each warp.
static __device__ inline double exact_sum(const double* values, u64 count, u64* shared) {
    double largest = 0.0;
    for (u64 i = threadIdx.x; i < count; i += THREADS) {
        largest = LargerOrNan::of(largest, fabs(values[i]));
    }
    largest = across<LargerOrNan, THREADS>(largest, (double*)shared);
    if (!(largest <= 1.7976931348623157e308)) {
        // Infinities and NaN give the same in any order.
        double sum = 0.0;
        for (u64 i = threadIdx.x; i < count; i += THREADS) sum += values[i];
        return across<Add, THREADS>(sum, (double*)shared);
    }
    if (largest == 0.0) return 0.0;
    // Units of the smallest numbers would be too small to have a reciprocal.
    const double lift = largest < 0x1p-500 ? 0x1p500 : 1.0;
    const int e = ilogb(largest * lift) + 1;
    const double to_units = ldexp(1.0, 40 - e);
    i64 units = 0, parts = 0;
    for (u64 i = threadIdx.x; i < count; i += THREADS) {
        const double x = values[i] * lift * to_units;
        const double whole = rint(x);
        units += (i64)whole;
        parts += (i64)rint((x - whole) * 0x1p40);
    }
    units = across<Add, THREADS>(units, (i64*)shared);
    parts = across<Add, THREADS>(parts, (i64*)shared);
    return ((double)units + (double)parts / 0x1p40) * ldexp(1.0, e - 40) / lift;
}
