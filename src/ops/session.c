#include "ops/session.h"

lm_status lm_session_open(lm_session *s, int threads, lm_isa_mask isas, lm_error *err) {
    *s = (lm_session){.compute = {.kernels = &s->kernels}};
    if (threads <= 0) threads = lm_cpu_threads(NULL);
    lm_caches caches = lm_caches_detect("");
    lm_kernels_fill(&s->kernels, isas);
    s->compute.blocks = lm_gemm_blocks_for(&caches, threads);
    return lm_pool_create(&s->compute.pool, threads, err);
}

void lm_session_close(lm_session *s) {
    if (!s) return;
    lm_compute_free(&s->compute);
    lm_pool_free(s->compute.pool);
    s->compute.pool = NULL;
}
