// Quotients by a number whose reciprocal is known, rounded as a division rounds them.
//
// A device divides doubles by a routine with a call and a loop, which is slow and takes registers.
// Two corrections of the product with the rounded reciprocal give the same bits (Markstein, "IA-64 and
// Elementary Functions", chapter 8), as long as nothing is near the ends of the range of a double.
#pragma once
#include "lowland.cuh"

struct Divisor {
    double by, inverse;

    explicit __device__ inline Divisor(double by, double inverse) : by(by), inverse(inverse) {}

    __device__ inline double of(double x) const {
        const double product = x * inverse;
        const double once = fma(fma(-product, by, x), inverse, product);
        const double twice = fma(fma(-once, by, x), inverse, once);
        // What is not finite has no rest to be corrected by.
        return twice == twice ? twice : product;
    }
};
