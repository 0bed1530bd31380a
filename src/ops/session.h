/* What a command computes with: the kernels of the instruction sets it may use, a thread pool, and
 * the lm_compute that points to both.
 *
 *     lm_session s = {0};
 *     lm_session_open(&s, threads, isas, err);
 *     lm_gemm_multiply(&s.compute, ...);
 *     lm_session_close(&s);
 *
 * An open session does not move in memory: s.compute points into it. */
#ifndef LM_OPS_SESSION_H
#define LM_OPS_SESSION_H

#include "machine/cpu.h"
#include "ops/compute.h"

typedef struct lm_session {
    lm_kernels kernels;
    lm_compute compute; /* owns its pool here */
} lm_session;

/* threads 0: lm_cpu_threads. *s is overwritten: precision fp32, no scratch. */
lm_status lm_session_open(lm_session *s, int threads, lm_isa_mask isas, lm_error *err);
/* Frees the scratch and the pool. NULL, a zeroed session and a closed one are fine. */
void lm_session_close(lm_session *s);

#endif
