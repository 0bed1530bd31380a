#include "ops/compute.h"

const char *lm_precision_name(int precision) {
    static const char *const names[LM_PRECISION_COUNT] = {"fp32", "bf16"};
    return precision >= 0 && precision < LM_PRECISION_COUNT ? names[precision] : NULL;
}

lm_status lm_compute_reserve(lm_compute *c, size_t bytes_per_worker, lm_error *err) {
    size_t total, each = lm_size_align(bytes_per_worker);
    LM_ASSERT(c->scratch.base == NULL);
    if (each < bytes_per_worker || !lm_size_mul(each, (size_t)lm_pool_threads(c->pool), &total))
        return lm_error_set(err, LM_ERR_RUNTIME, "scratch of %zu bytes per thread is too large",
                            bytes_per_worker);
    lm_status status = lm_arena_init(&c->scratch, total, "scratch", err);
    if (status != LM_OK) return status;
    c->scratch_per_worker = each;
    return LM_OK;
}

void lm_compute_free(lm_compute *c) {
    lm_arena_free(&c->scratch);
    c->scratch_per_worker = 0;
}

lm_arena lm_compute_scratch(const lm_compute *c, int worker) {
    LM_ASSERT(worker >= 0 && worker < lm_pool_threads(c->pool) && c->scratch.base);
    return lm_arena_over(c->scratch.base + (size_t)worker * c->scratch_per_worker,
                         c->scratch_per_worker);
}

lm_compute lm_compute_alone(const lm_compute *c, int worker) {
    return (lm_compute){.kernels = c->kernels,
                        .precision = c->precision,
                        .blocks = c->blocks,
                        .scratch = lm_compute_scratch(c, worker),
                        .scratch_per_worker = c->scratch_per_worker};
}

lm_peak_loop *lm_compute_peak_loop(const lm_compute *c) {
    return c->precision == LM_BF16 ? c->kernels->peak_bf16 : c->kernels->peak_f32;
}
