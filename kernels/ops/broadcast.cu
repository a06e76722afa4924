// y = scale · x, repeated along the axes on which x has extent 1.
#include "strided.cuh"

struct BroadcastArgs {
    const float* x;
    float* y;
    u64 len;
    Walk<1> walk;  // of x
    float scale;
};

template <class Index>
static __device__ inline void broadcast(const BroadcastArgs& a) {
    FOR_EACH(i, a.len) {
        Index at[1];
        locate(a.walk, (Index)i, at);
        a.y[i] = a.scale * a.x[at[0]];
    }
}

KERNEL(broadcast_narrow, BroadcastArgs) { broadcast<u32>(a); }
KERNEL(broadcast_wide, BroadcastArgs) { broadcast<u64>(a); }
