/* summary.json: how a run ended, for scripts. Written when it ends, however it ends. */
#ifndef LM_REPORT_SUMMARY_H
#define LM_REPORT_SUMMARY_H

#include <stdint.h>

#include "base/error.h"

typedef struct lm_summary {
    const char *reason; /* "finished", "interrupted", "diverged", "failed" */
    int exit_code;
    int64_t step, steps, tokens, parameters;
    double train_loss;              /* of the last step; NaN: none */
    double val_loss, best_val_loss; /* NaN: none */
    int64_t best_val_step;
    double bytes_per_token; /* 0: no bits per byte */
    double seconds;         /* whole run */
    double tokens_per_s;    /* mean of this session's steps */
    double peak_resident;   /* bytes */
    const char *checkpoint; /* newest; NULL: none */
} lm_summary;

/* Replaces path atomically. */
lm_status lm_summary_write(const lm_summary *s, const char *path, lm_error *err);

#endif
