// Runs a kernel's blocks one after another, and the threads of a block in turns, on one processor.
//
// A warp runs until it has to wait for the block, or ends, before the next does anything: so the warps
// of a block are as far apart as barriers let them be. Within a warp, a thread runs until it has to
// wait. When all have waited in vain the block is stuck, which is an error of the kernel.
//
// Threads run on fibers: a thread keeps its fiber until it has to wait, and one that comes to its end
// hands the fiber to the next of its warp. So a kernel without barriers costs a call a thread.
//
// Compiled without sanitizers, whatever the kernels are: it tells AddressSanitizer of its stacks.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "shim.h"

shim::Index threadIdx, blockIdx, blockDim, gridDim;

// The shared memory of all kernels of the unit; the linker knows where it is, if there is any.
extern "C" unsigned char __start_lowland_shared[] __attribute__((weak, visibility("hidden")));
extern "C" unsigned char __stop_lowland_shared[] __attribute__((weak, visibility("hidden")));

extern "C" void __sanitizer_start_switch_fiber(void**, const void*, size_t) __attribute__((weak));
extern "C" void __sanitizer_finish_switch_fiber(void*, const void**, size_t*) __attribute__((weak));
extern "C" void __asan_unpoison_memory_region(void const volatile*, size_t) __attribute__((weak));

namespace {

const unsigned int MOST_THREADS = 256, WARP = 32;
const size_t STACK_BYTES = 256 << 10;  // touched as far as a kernel needs
const unsigned char POISON[] = {0xad, 0xde, 0xa0, 0x7f};  // a signalling NaN, and a wild index

// A place to run on: the host's own stack, or one of the fibers'.
struct Stack {
    void* resume[5];  // what __builtin_setjmp keeps
    void* fake;       // what AddressSanitizer keeps
    const void* bottom;
    size_t bytes;
    bool begun;
    ucontext_t first;
};

enum State { WAITS_TO_BEGIN, CAN_GO_ON, AT_BARRIER, AT_WARP, RETURNED };

struct Thread {
    State state;
    Stack* stack;
    const char* file;  // where it waits
    int line;
    unsigned int exchanges;
};

Stack host, fibers[MOST_THREADS];
unsigned int made;  // of the fibers
Stack* idle[MOST_THREADS];
unsigned int idle_count;

shim::Body body;
const void* args;
unsigned int threads;
unsigned int order[MOST_THREADS];  // warp by warp
unsigned int begun, may_begin;     // of `order`
Thread all[MOST_THREADS];
// What lanes brought to an exchange. A lane can be at the next one before others have read this one's,
// but not further.
unsigned long long brought[MOST_THREADS / WARP][2][WARP];

__attribute__((noinline, noreturn)) void jump(void** to) { __builtin_longjmp(to, 1); }

void run_fiber();

// Leaves one stack for another, and returns when that one or a third comes back.
__attribute__((noinline)) void go(Stack* from, Stack* to) {
    if (__sanitizer_start_switch_fiber) {
        __sanitizer_start_switch_fiber(&from->fake, to->bottom, to->bytes);
    }
    if (__builtin_setjmp(from->resume) == 0) {
        if (to == &host || to->begun) jump(to->resume);
        to->begun = true;
        setcontext(&to->first);
    }
    if (__sanitizer_finish_switch_fiber) {
        __sanitizer_finish_switch_fiber(from->fake, from == &host ? nullptr : &host.bottom,
                                        from == &host ? nullptr : &host.bytes);
    }
}

// Where the stacks of all fibers are.
char* stacks() {
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    static void* memory =
        mmap(nullptr, STACK_BYTES * MOST_THREADS, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (memory == MAP_FAILED) abort();
    return (char*)memory;
}

// A fiber that nobody uses.
Stack* take_fiber() {
    if (idle_count > 0) return idle[--idle_count];
    char* stack = stacks() + made * STACK_BYTES;
    Stack& fiber = fibers[made++];
    fiber.bottom = stack;
    fiber.bytes = STACK_BYTES;
    fiber.begun = false;
    getcontext(&fiber.first);
    fiber.first.uc_stack.ss_sp = stack;
    fiber.first.uc_stack.ss_size = STACK_BYTES;
    fiber.first.uc_link = nullptr;
    makecontext(&fiber.first, run_fiber, 0);
    return &fiber;
}

// Gives up fibers whose threads are stuck: all are made anew.
void forget_fibers() {
    made = idle_count = 0;
    if (__asan_unpoison_memory_region) {
        __asan_unpoison_memory_region(stacks(), STACK_BYTES * MOST_THREADS);
    }
}

// What a fiber does for ever: threads that have not begun, then wait for the next block.
void run_fiber() {
    if (__sanitizer_finish_switch_fiber) {
        __sanitizer_finish_switch_fiber(nullptr, &host.bottom, &host.bytes);
    }
    Stack* self = all[order[begun]].stack;
    for (;;) {
        while (begun < may_begin) {
            const unsigned int t = order[begun++];
            threadIdx.x = t;
            all[t].stack = self;
            body(args);
            all[threadIdx.x].state = RETURNED;
        }
        idle[idle_count++] = self;
        go(self, &host);
    }
}

// The running thread waits.
void wait(State state, const char* file, int line) {
    Thread& self = all[threadIdx.x];
    self.state = state;
    self.file = file;
    self.line = line;
    go(self.stack, &host);
}

// Whether two threads wait in the same way at the same place.
bool same(const Thread& a, const Thread& b) {
    return a.state == b.state && a.line == b.line && strcmp(a.file, b.file) == 0;
}

// Whether threads `first..first + count` all wait in this way at one place.
bool together(unsigned int first, unsigned int count, State state) {
    if (all[first].state != state) return false;
    for (unsigned int t = first + 1; t < first + count; t++) {
        if (!same(all[first], all[t])) return false;
    }
    return true;
}

void let_go_on(unsigned int first, unsigned int count) {
    for (unsigned int t = first; t < first + count; t++) all[t].state = CAN_GO_ON;
}

// Runs the warp that is in `order` from `first` on until it can do no more alone.
void run_warp(unsigned int first) {
    may_begin = first + WARP;
    while (begun < may_begin) {
        Stack* fiber = take_fiber();
        all[order[begun]].stack = fiber;
        go(&host, fiber);
    }
    const unsigned int lowest = order[first] / WARP * WARP;
    for (;;) {
        for (unsigned int i = first; i < first + WARP; i++) {
            if (all[order[i]].state != CAN_GO_ON) continue;
            threadIdx.x = order[i];
            go(&host, all[order[i]].stack);
        }
        if (!together(lowest, WARP, AT_WARP)) return;
        let_go_on(lowest, WARP);
    }
}

int describe(char* to, size_t bytes, unsigned int t) {
    const Thread& thread = all[t];
    if (thread.state == RETURNED) return snprintf(to, bytes, "thread %u has returned", t);
    const char* at = thread.state == AT_BARRIER ? "the barrier" : "the warp operation";
    return snprintf(to, bytes, "thread %u waits at %s in %s:%d", t, at, thread.file, thread.line);
}

// Says who waits for whom: the first thread that waits, and the first that is elsewhere.
void describe_stuck(char* to, size_t bytes) {
    unsigned int waits = 0;
    while (all[waits].state == RETURNED) waits++;
    unsigned int other = all[waits].state == AT_WARP ? waits / WARP * WARP : 0;
    while (same(all[waits], all[other])) other++;
    int length = snprintf(to, bytes, "block %u: ", blockIdx.x);
    length += describe(to + length, bytes - length, waits);
    length += snprintf(to + length, bytes - length, ", but ");
    describe(to + length, bytes - length, other);
}

// 0..count in the order that was asked for.
void arrange(unsigned int* to, unsigned int count, unsigned int how, unsigned long long& random) {
    for (unsigned int i = 0; i < count; i++) to[i] = how == 1 ? count - 1 - i : i;
    for (unsigned int i = count; how == 2 && i > 1; i--) {
        random = random * 6364136223846793005ull + 1442695040888963407ull;
        const unsigned int other = (unsigned int)((random >> 33) % i), last = to[i - 1];
        to[i - 1] = to[other];
        to[other] = last;
    }
}

// Whether all threads of block `blockIdx` came to their ends.
bool run_block() {
    for (unsigned char* p = __start_lowland_shared; p < __stop_lowland_shared; p++) {
        *p = POISON[(size_t)p % sizeof POISON];
    }
    for (unsigned int t = 0; t < threads; t++) all[t] = {WAITS_TO_BEGIN, nullptr, "", 0, 0};
    begun = 0;
    for (;;) {
        for (unsigned int first = 0; first < threads; first += WARP) run_warp(first);
        if (!together(0, threads, AT_BARRIER)) break;
        let_go_on(0, threads);
    }
    for (unsigned int t = 0; t < threads; t++) {
        if (all[t].state != RETURNED) return false;
    }
    return true;
}

}  // namespace

void shim::barrier(const char* file, int line) { wait(AT_BARRIER, file, line); }

const unsigned long long* shim::exchange(unsigned long long value, const char* file, int line) {
    const unsigned int warp = threadIdx.x / WARP, turn = all[threadIdx.x].exchanges++ % 2;
    brought[warp][turn][lane()] = value;
    wait(AT_WARP, file, line);
    return brought[warp][turn];
}

bool shim::launch(Body of, const void* with, unsigned int how_many, Launch* launch) {
    if (how_many > MOST_THREADS || how_many % WARP != 0) abort();
    body = of;
    args = with;
    threads = how_many;
    blockDim = {threads, 1, 1};
    gridDim = {launch->blocks, 1, 1};
    unsigned long long random = launch->seed;
    unsigned int* blocks = (unsigned int*)malloc(launch->blocks * sizeof(unsigned int));
    arrange(blocks, launch->blocks, launch->order, random);
    bool whole = true;
    for (unsigned int i = 0; whole && i < launch->blocks; i++) {
        blockIdx = {blocks[i], 0, 0};
        unsigned int warps[MOST_THREADS / WARP], lanes[WARP];
        arrange(warps, threads / WARP, launch->order, random);
        for (unsigned int w = 0; w < threads / WARP; w++) {
            arrange(lanes, WARP, launch->order, random);
            for (unsigned int l = 0; l < WARP; l++) order[w * WARP + l] = warps[w] * WARP + lanes[l];
        }
        whole = run_block();
    }
    free(blocks);
    if (whole) return true;
    describe_stuck(launch->failure, sizeof launch->failure);
    forget_fibers();
    return false;
}
