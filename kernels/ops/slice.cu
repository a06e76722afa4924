// A strided block of a tensor: out of it, and into it.
#include "strided.cuh"

struct SliceArgs {
    const float* x;
    float* y;
    u64 len;       // of the block
    Walk<1> walk;  // of the whole, in the order of the block
};

template <class Index>
static __device__ inline void take_out(const SliceArgs& a) {
    FOR_EACH(i, a.len) {
        Index at[1];
        locate(a.walk, (Index)i, at);
        a.y[i] = a.x[at[0]];
    }
}

// Steps are at least 1: no two elements of the block lie in one place.
template <class Index>
static __device__ inline void put_in(const SliceArgs& a) {
    FOR_EACH(i, a.len) {
        Index at[1];
        locate(a.walk, (Index)i, at);
        a.y[at[0]] = a.x[i];
    }
}

KERNEL(slice, SliceArgs) { take_out<u32>(a); }
KERNEL(slice_wide, SliceArgs) { take_out<u64>(a); }
KERNEL(embed, SliceArgs) { put_in<u32>(a); }
KERNEL(embed_wide, SliceArgs) { put_in<u64>(a); }
