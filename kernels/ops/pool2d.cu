// Averages and maxima over windows of [N, H, W, C], and their gradients. A thread has one element of
// the result; neighbours have neighbouring channels. Gradients gather: each element of dx looks for
// the windows that it is in, in ascending order.
#include "strided.cuh"

// Heights first, then widths.
struct Windows {
    Divider channels;
    Divider input[2], output[2], stride[2];
    u64 kernel[2], padding[2];
};

// Index is u32 where every index, that of a padded pixel too, is below 2^31, else u64.
template <class Index>
struct Pixel {
    Index image, row, column, channel;
};

template <class Index>
static __device__ inline Pixel<Index> pixel_of(Index i, const Divider& channels,
                                               const Divider (&extent)[2]) {
    Pixel<Index> at;
    at.channel = divide(i, channels);
    at.column = divide(i, extent[1]);
    at.row = divide(i, extent[0]);
    at.image = i;
    return at;
}

template <class Index>
struct Range {
    Index first, end;
};

// The pixels inside the image, on one axis, of window `at`.
template <class Index>
static __device__ inline Range<Index> pixels(const Windows& w, int axis, Index at) {
    const Index padding = (Index)w.padding[axis], extent = (Index)w.input[axis].divisor;
    const Index start = at * (Index)w.stride[axis].divisor, end = start + (Index)w.kernel[axis];
    const Index first = start > padding ? start - padding : 0;
    const Index last = end > padding ? end - padding : 0;
    return {first < extent ? first : extent, last < extent ? last : extent};
}

// The windows, on one axis, that have pixel `at`.
template <class Index>
static __device__ inline Range<Index> windows(const Windows& w, int axis, Index at) {
    const Index padded = at + (Index)w.padding[axis], kernel = (Index)w.kernel[axis];
    const Index count = (Index)w.output[axis].divisor;
    const Index first = padded < kernel ? 0 : quotient(padded - kernel, w.stride[axis]) + 1;
    const Index end = quotient(padded, w.stride[axis]) + 1;
    return {first, end < count ? end : count};
}

struct Pool2dArgs {
    const float* x;
    float* y;
    u64 len;  // of y
    Windows windows;
    float factor;
};

struct Mean {
    static __device__ inline float start() { return 0.0f; }
    static __device__ inline float of(float a, float x) { return a + x; }
};

struct Largest {
    static __device__ inline float start() { return __int_as_float((int)0xff800000u); }
    static __device__ inline float of(float a, float x) { return x > a || x != x ? x : a; }
};

template <class Fold, class Index>
static __device__ inline void pool(const Pool2dArgs& a) {
    const Windows& w = a.windows;
    const Index height = (Index)w.input[0].divisor, width = (Index)w.input[1].divisor;
    const Index channels = (Index)w.channels.divisor;
    FOR_EACH(i, a.len) {
        const Pixel<Index> at = pixel_of((Index)i, w.channels, w.output);
        const Range<Index> rows = pixels(w, 0, at.row), columns = pixels(w, 1, at.column);
        float folded = Fold::start();
        for (Index r = rows.first; r < rows.end; ++r) {
            const Index row = (at.image * height + r) * width;
            for (Index s = columns.first; s < columns.end; ++s) {
                folded = Fold::of(folded, a.x[(row + s) * channels + at.channel]);
            }
        }
        a.y[i] = folded * a.factor;
    }
}

KERNEL(average, Pool2dArgs) { pool<Mean, u32>(a); }
KERNEL(average_wide, Pool2dArgs) { pool<Mean, u64>(a); }
KERNEL(maximum, Pool2dArgs) { pool<Largest, u32>(a); }
KERNEL(maximum_wide, Pool2dArgs) { pool<Largest, u64>(a); }

struct AverageGradArgs {
    const float* dy;
    float* dx;
    u64 len;  // of dx
    Windows windows;
    float factor;
};

template <class Index>
static __device__ inline void average_grad_of(const AverageGradArgs& a) {
    const Windows& w = a.windows;
    const Index height = (Index)w.output[0].divisor, width = (Index)w.output[1].divisor;
    const Index channels = (Index)w.channels.divisor;
    FOR_EACH(i, a.len) {
        const Pixel<Index> at = pixel_of((Index)i, w.channels, w.input);
        const Range<Index> rows = windows(w, 0, at.row), columns = windows(w, 1, at.column);
        float sum = 0.0f;
        for (Index p = rows.first; p < rows.end; ++p) {
            const Index row = (at.image * height + p) * width;
            for (Index q = columns.first; q < columns.end; ++q) {
                sum += a.factor * a.dy[(row + q) * channels + at.channel];
            }
        }
        a.dx[i] = sum;
    }
}

KERNEL(average_grad, AverageGradArgs) { average_grad_of<u32>(a); }
KERNEL(average_grad_wide, AverageGradArgs) { average_grad_of<u64>(a); }

// For each window and channel, the pixel of its image that first has the maximum.
struct FirstMaximumArgs {
    const float* x;
    u32* pixel;
    u64 len;  // windows times channels
    Windows windows;
};

template <class Index>
static __device__ inline void first_maximum_of(const FirstMaximumArgs& a) {
    const Windows& w = a.windows;
    const Index height = (Index)w.input[0].divisor, width = (Index)w.input[1].divisor;
    const Index channels = (Index)w.channels.divisor;
    FOR_EACH(i, a.len) {
        const Pixel<Index> at = pixel_of((Index)i, w.channels, w.output);
        const Range<Index> rows = pixels(w, 0, at.row), columns = pixels(w, 1, at.column);
        const float* x = a.x + at.image * height * width * channels + at.channel;
        Index best = rows.first * width + columns.first;
        float largest = x[best * channels];
        for (Index r = rows.first; r < rows.end; ++r) {
            for (Index s = columns.first; s < columns.end; ++s) {
                const float next = x[(r * width + s) * channels];
                if (next > largest || (next != next && largest == largest)) {
                    largest = next;
                    best = r * width + s;
                }
            }
        }
        a.pixel[i] = (u32)best;
    }
}

KERNEL(first_maximum, FirstMaximumArgs) { first_maximum_of<u32>(a); }
KERNEL(first_maximum_wide, FirstMaximumArgs) { first_maximum_of<u64>(a); }

struct MaximumGradArgs {
    const u32* pixel;
    const float* dy;
    float* dx;
    u64 len;  // of dx
    Windows windows;
};

template <class Index>
static __device__ inline void maximum_grad_of(const MaximumGradArgs& a) {
    const Windows& w = a.windows;
    const Index height = (Index)w.output[0].divisor, width = (Index)w.output[1].divisor;
    const Index channels = (Index)w.channels.divisor;
    FOR_EACH(i, a.len) {
        const Pixel<Index> at = pixel_of((Index)i, w.channels, w.input);
        const Range<Index> rows = windows(w, 0, at.row), columns = windows(w, 1, at.column);
        const u32 me = (u32)(at.row * (Index)w.input[1].divisor + at.column);
        float sum = 0.0f;
        for (Index p = rows.first; p < rows.end; ++p) {
            const Index row = (at.image * height + p) * width;
            for (Index q = columns.first; q < columns.end; ++q) {
                const Index window = (row + q) * channels + at.channel;
                if (a.pixel[window] == me) sum += a.dy[window];
            }
        }
        a.dx[i] = sum;
    }
}

KERNEL(maximum_grad, MaximumGradArgs) { maximum_grad_of<u32>(a); }
KERNEL(maximum_grad_wide, MaximumGradArgs) { maximum_grad_of<u64>(a); }
