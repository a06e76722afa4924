// y = value
#include "lowland.cuh"

struct FillArgs {
    float* y;
    u64 len;
    float value;
};

KERNEL(fill, FillArgs) {
    FOR_EACH(i, a.len) a.y[i] = a.value;
}
