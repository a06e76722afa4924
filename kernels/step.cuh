// One step of an optimizer: a chain of stages in one pass over segments of arenas.
//
//   d <- g;   d <- stage(d, p, state) for each stage of the chain;   p <- p - lr d
//
// A block takes a chunk of a segment. Where a chunk starts at multiples of 16 bytes in all arenas, a
// thread reads, computes and writes four elements at a time, otherwise one; each element goes through
// the whole chain in registers. Gradients are float or bf16; parameters and state are float, and
// where the network runs on bf16, those parameters are master weights whose rounded copy is written
// too.
#pragma once
#include "numbers.cuh"

#define MAX_SLOTS 16
#define MAX_SCALARS 96

// What a stage has: so many state slots, and so many scalars.
template <int slots, int scalars>
struct Stage {
    static constexpr int SLOTS = slots;
    static constexpr int SCALARS = scalars;

    // Whether this step reads and writes a slot.
    static __device__ inline bool uses(const float*, int) { return true; }
};

// Stages one after the other: each with its own scalars c, and its own slots s of the element.
template <class... Stages>
struct Chain : Stage<0, 0> {
    static __device__ inline void apply(const float*, float, float&, float*) {}
};

template <class First, class... Others>
struct Chain<First, Others...> {
    typedef Chain<Others...> Rest;
    static constexpr int SLOTS = First::SLOTS + Rest::SLOTS;
    static constexpr int SCALARS = First::SCALARS + Rest::SCALARS;

    static __device__ inline bool uses(const float* c, int slot) {
        return slot < First::SLOTS ? First::uses(c, slot)
                                   : Rest::uses(c + First::SCALARS, slot - First::SLOTS);
    }

    static __device__ inline void apply(const float* c, float p, float& d, float* s) {
        First::apply(c, p, d, s);
        Rest::apply(c + First::SCALARS, p, d, s + First::SLOTS);
    }
};

// What a block works on: its first element in parameters and gradients, and in state.
struct Chunk {
    u64 param;
    u64 state;
    u64 len;
};

struct StepArgs {
    float* params;
    void* grads;
    // Where the parameters are written once more, rounded.
    void* rounded;
    float* state[MAX_SLOTS];
    const Chunk* chunks;
    float lr;
    float scalars[MAX_SCALARS];
};

// The arenas of a chunk. Param and Grad are the types of the network's parameters and gradients.
template <class Chain, class Param, class Grad>
struct Arenas {
    static constexpr bool ROUNDS = sizeof(Param) < sizeof(float);

    float* params;
    Grad* grads;
    Param* rounded;
    float* state[Chain::SLOTS + 1];

    __device__ inline Arenas(const StepArgs& a, const Chunk& chunk) {
        params = global(a.params) + chunk.param;
        grads = global((Grad*)a.grads) + chunk.param;
        rounded = ROUNDS ? global((Param*)a.rounded) + chunk.param : nullptr;
        UNROLL
        for (int k = 0; k < Chain::SLOTS; k++) state[k] = global(a.state[k]) + chunk.state;
    }

    template <u32 W>
    __device__ inline bool all_aligned() const {
        bool all = aligned<W>(params) && aligned<W>(grads) && (!ROUNDS || aligned<W>(rounded));
        UNROLL
        for (int k = 0; k < Chain::SLOTS; k++) all = all && aligned<W>(state[k]);
        return all;
    }

    // The step of elements i to i + W.
    template <bool DESCENDS, u32 W>
    __device__ inline void step(const StepArgs& a, u32 i) const {
        typedef Vector<float, W> Floats;
        Floats p = Floats::load(params + i);
        Vector<Grad, W> g = Vector<Grad, W>::load(grads + i);
        Floats s[Chain::SLOTS + 1] = {};
        UNROLL
        for (int k = 0; k < Chain::SLOTS; k++) {
            if (Chain::uses(a.scalars, k)) s[k] = Floats::load(state[k] + i);
        }
        Vector<Param, W> copy;
        UNROLL
        for (u32 e = 0; e < W; e++) {
            float d = widen(g.x[e]);
            float own[Chain::SLOTS + 1];
            UNROLL
            for (int k = 0; k < Chain::SLOTS; k++) own[k] = s[k].x[e];
            Chain::apply(a.scalars, p.x[e], d, own);
            UNROLL
            for (int k = 0; k < Chain::SLOTS; k++) s[k].x[e] = own[k];
            p.x[e] = p.x[e] - a.lr * d;
            narrow(d, g.x[e]);
            narrow(p.x[e], copy.x[e]);
        }
        if (DESCENDS) p.store(params + i);
        if (DESCENDS && ROUNDS) copy.store(rounded + i);
        if (!DESCENDS) g.store(grads + i);
        UNROLL
        for (int k = 0; k < Chain::SLOTS; k++) {
            if (Chain::uses(a.scalars, k)) s[k].store(state[k] + i);
        }
    }
};

// The step of this block. Where it does not descend, directions take the place of the gradients, and
// parameters stay as they are.
template <class Chain, class Param, class Grad, bool DESCENDS>
static __device__ inline void step(const StepArgs& a) {
    const Chunk chunk = global(a.chunks)[blockIdx.x];
    const Arenas<Chain, Param, Grad> arenas(a, chunk);
    const u32 len = (u32)chunk.len;
    const u32 vectors = arenas.template all_aligned<4>() ? len / 4 : 0;
    for (u32 i = threadIdx.x; i < vectors; i += THREADS) arenas.template step<DESCENDS, 4>(a, 4 * i);
    for (u32 i = 4 * vectors + threadIdx.x; i < len; i += THREADS) {
        arenas.template step<DESCENDS, 1>(a, i);
    }
}
