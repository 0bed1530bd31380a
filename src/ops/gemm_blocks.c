#include "base/numbers.h"
#include "ops/compute.h"

/* Block sizes by the model of Low, Igual, Smith & Quintana-Orti 2016 ("Analytical modeling is
 * enough for high-performance BLIS"): whatever is read again must find a place in a cache, counted
 * in ways, beside what passes through it in the meantime. The loops (gemm.c) differ from theirs: a
 * panel of B is read from the second cache, not the first, so that blocks of k can be long and C is
 * seldom read and written.
 *
 * Second cache, W ways: the block of A [m, k] is read once for each panel of B. One way is for the
 * panel of B [k, nr] at hand, one for tiles of C and the next panel. Of the W - 2 others A takes
 * half, but at least two, for two reasons. Lines are placed by physical addresses, which pages
 * scatter, so that a cache that is to be full has sets that overflow. And who rents cores often
 * shares them with others: on such a Zen 3 (512 KiB, 8 ways) 96 x 512 were 82 to 85% of the peak
 * and 192 x 1024, which do not fit, 79 to 81%; on a Zen 4 (1 MiB) 96 to 240 rows of 1024 were the
 * same.
 *
 * Each panel of B comes from the third cache once for each block of A: 2/m bytes per FLOP. M = 96
 * rows make that 0.7 bytes a cycle where a cycle has 32 FLOP, 1.3 where it has 64, a small part of
 * what the third cache gives a core. Then k = A / M is as long as A allows; above 1024 it brings
 * nothing, and m grows instead.
 *
 * Third cache: the panels of B [k, n] of all workers, which everybody reads, take half of it. */
enum { M = 96, WORD = 4 };

static int64_t clamp(int64_t x, int64_t least, int64_t most) {
    return lm_max(lm_min(x, most), least);
}

lm_gemm_blocks lm_gemm_blocks_for(const lm_caches *caches, int threads) {
    const lm_cache *l2 = &caches->l2, *l3 = &caches->l3;
    int64_t ways = l2->ways > 4 ? l2->ways : 4, sharing = lm_caches_sharing(caches, l2, threads);
    int64_t a = l2->bytes / sharing / ways * lm_max((ways - 2) / 2, 2) / WORD;
    lm_gemm_blocks b;
    b.k = clamp(a / M / 64 * 64, 128, LM_GEMM_MOST_K);
    b.m = clamp(a / b.k, 24, LM_GEMM_MOST_M);
    b.n = lm_max(l3->bytes / 2 / WORD / b.k, 512);
    return b;
}

lm_gemm_blocks lm_compute_blocks(const lm_compute *c) {
    if (c->blocks.m > 0) return c->blocks;
    return lm_gemm_blocks_for(&lm_caches_usual, lm_pool_threads(c->pool));
}
