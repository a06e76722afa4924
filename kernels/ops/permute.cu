// Axes in another order. Where that comes to transposing matrices, as between the layouts of images
// and of convolution weights, it goes through tiles, so that both sides are read and written in rows.
#include "strided.cuh"

struct PermuteArgs {
    const float* x;
    float* y;
    u64 len;
    Walk<1> walk;  // of x, in the order of y
};

template <class Index>
static __device__ inline void permute(const PermuteArgs& a) {
    FOR_EACH(i, a.len) {
        Index at[1];
        locate(a.walk, (Index)i, at);
        a.y[i] = a.x[at[0]];
    }
}

KERNEL(permute_narrow, PermuteArgs) { permute<u32>(a); }
KERNEL(permute_wide, PermuteArgs) { permute<u64>(a); }

struct TransposeArgs {
    const float* x;  // [matrices, rows, columns]
    float* y;        // [matrices, columns, rows]
    u64 matrices, rows, columns;
};

#define TILE 32

KERNEL(transpose, TransposeArgs) {
    // A column more, so that threads which read a column use different banks.
    __shared__ float tile[TILE][TILE + 1];
    const u64 row_tiles = (a.rows + TILE - 1) / TILE, column_tiles = (a.columns + TILE - 1) / TILE;
    const u32 lane = threadIdx.x % TILE, line = threadIdx.x / TILE;
    EACH_ITEM(item, a.matrices * row_tiles * column_tiles) {
        const u64 column = item % column_tiles * TILE, row = item / column_tiles % row_tiles * TILE;
        const u64 matrix = item / column_tiles / row_tiles * a.rows * a.columns;
        for (u32 r = line; r < TILE; r += THREADS / TILE) {
            if (row + r < a.rows && column + lane < a.columns) {
                tile[r][lane] = a.x[matrix + (row + r) * a.columns + column + lane];
            }
        }
        __syncthreads();
        for (u32 c = line; c < TILE; c += THREADS / TILE) {
            if (column + c < a.columns && row + lane < a.rows) {
                a.y[matrix + (column + c) * a.rows + row + lane] = tile[lane][c];
            }
        }
        __syncthreads();
    }
}
