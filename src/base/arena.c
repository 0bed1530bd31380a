#include "base/arena.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/text.h"

#define HUGE_PAGE ((size_t)2 << 20)

size_t lm_size_align(size_t bytes) {
    return (bytes + LM_ALIGNMENT - 1) / LM_ALIGNMENT * LM_ALIGNMENT;
}

/* An empty arena has an address all the same. */
static size_t mapped(size_t capacity) {
    return capacity ? capacity : 1;
}

/* Private memory of zeros that begins at a huge page where it is large: from there on the system
 * can use huge pages, with fewer page faults and TLB misses. MAP_FAILED: there is none. */
static void *map_memory(size_t bytes) {
    size_t slack = bytes >= HUGE_PAGE ? HUGE_PAGE : 0, page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *p =
        mmap(NULL, bytes + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || slack == 0) return p;
    size_t head = (HUGE_PAGE - (uintptr_t)p % HUGE_PAGE) % HUGE_PAGE;
    size_t end = head + (bytes + page - 1) / page * page;
    if (head > 0) munmap(p, head);
    if (end < bytes + slack) munmap(p + end, bytes + slack - end);
    (void)madvise(p + head, bytes, MADV_HUGEPAGE); /* a refusal costs nothing */
    return p + head;
}

lm_status lm_arena_init(lm_arena *arena, size_t capacity, const char *what, lm_error *err) {
    memset(arena, 0, sizeof *arena);
    void *p = MAP_FAILED;
    if (capacity <= SIZE_MAX / 2)
        p = map_memory(mapped(capacity));
    else
        errno = ENOMEM;
    if (p == MAP_FAILED) {
        char human[32];
        return lm_error_set(err, LM_ERR_RUNTIME, "cannot get %s of memory for %s: %s",
                            lm_text_bytes(human, sizeof human, (double)capacity), what,
                            lm_error_errno(errno));
    }
    arena->base = p;
    arena->capacity = capacity;
    return LM_OK;
}

lm_arena lm_arena_measuring(void) {
    return (lm_arena){.measuring = true};
}

lm_arena lm_arena_over(void *base, size_t capacity) {
    LM_ASSERT((uintptr_t)base % LM_ALIGNMENT == 0);
    return (lm_arena){.base = base, .capacity = capacity};
}

/* Counts a piece of so many bytes, or that the sum does not fit. */
static void *measure(lm_arena *arena, size_t bytes) {
    size_t piece = lm_size_align(bytes);
    if (piece < bytes || !lm_size_add(arena->used, piece, &arena->used)) arena->used = SIZE_MAX;
    return NULL;
}

void *lm_arena_take(lm_arena *arena, size_t bytes) {
    if (arena->measuring) return measure(arena, bytes);
    size_t piece = lm_size_align(bytes);
    LM_ASSERT(arena->base && piece >= bytes && piece <= arena->capacity - arena->used);
    unsigned char *p = arena->base + arena->used;
    arena->used += piece;
    return p;
}

void *lm_arena_array(lm_arena *arena, int64_t rows, int64_t columns, size_t element_bytes) {
    size_t bytes;
    LM_ASSERT(rows >= 0 && columns >= 0);
    bool fits = lm_size_mul((size_t)rows, (size_t)columns, &bytes) &&
                lm_size_mul(bytes, element_bytes, &bytes);
    LM_ASSERT(fits || arena->measuring);
    return lm_arena_take(arena, fits ? bytes : SIZE_MAX);
}

float *lm_arena_floats(lm_arena *arena, int64_t count) {
    return lm_arena_array(arena, count, 1, sizeof(float));
}

void lm_arena_free(lm_arena *arena) {
    if (arena->base) munmap(arena->base, mapped(arena->capacity));
    memset(arena, 0, sizeof *arena);
}
