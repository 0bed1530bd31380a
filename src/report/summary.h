/* summary.json: where a run stands, for scripts. Written when a session of the run begins ("state":
 * "running") and when it ends, however it ends. A session that is killed leaves "running" behind:
 * then the process `pid` is gone from `host`, and the lock of the run directory is free. */
#ifndef LM_REPORT_SUMMARY_H
#define LM_REPORT_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "report/metrics.h"

/* A part of the memory that is planned, in bytes. */
typedef struct lm_summary_memory {
    const char *name;
    uint64_t bytes;
} lm_summary_memory;

/* Where the time of steps went. */
typedef struct lm_summary_profile {
    int64_t steps; /* 0: it was not measured */
    lm_phase_figures all;
    const lm_phase_figures *layers; /* [n_layers + 1]: outside of the layers, then each of them */
    int64_t n_layers;
} lm_summary_profile;

/* What the run takes of the machine. */
typedef struct lm_summary_plan {
    double flops_per_token;          /* by the usual convention */
    double peak_flops;               /* the highest measured; 0: not known */
    const lm_summary_memory *memory; /* [n_memory] */
    int n_memory;
} lm_summary_plan;

typedef struct lm_summary {
    const char *state; /* "running", "finished", "paused", "interrupted", "diverged",
                          "failed" */
    int exit_code;     /* -1: none yet */
    const char *error; /* why it ended; NULL: none */
    int64_t step, steps, tokens, parameters;
    const lm_data_figures *data;    /* NULL: none */
    double train_loss;              /* of the last step; NaN: none */
    double val_loss, best_val_loss; /* NaN: none */
    double val_loss_raw; /* of the weights themselves, where val_loss is that of their average;
                            0 or NaN: none */
    int64_t best_val_step;
    int64_t skips;                    /* steps that were not taken */
    int64_t rewinds;                  /* how often the run went back to a checkpoint */
    const struct lm_targets *targets; /* targets.h; NULL: none */
    bool stopped_early;               /* finished before the last of `steps` (eval.patience) */
    double bytes_per_token;           /* 0: no bits per byte */
    double seconds;                   /* whole run */
    const char *budget;      /* a length, for which the steps were chosen; NULL or "": none */
    double budget_missed;    /* how much more the run took, as a share of it; NaN: not known */
    double tokens_per_s;     /* mean of this session's steps */
    double peak_resident;    /* bytes */
    const char *checkpoint;  /* newest; NULL: none */
    int64_t checkpoint_step; /* its step */
    int64_t started;         /* Unix time at which this session began */
    lm_summary_plan plan;
    lm_summary_profile profile; /* of this session */
} lm_summary;

/* Replaces path atomically; pid and host are those of this process. sync: it survives a power
 * failure. */
lm_status lm_summary_write(const lm_summary *s, const char *path, bool sync, lm_error *err);

/* What another session wrote. */
typedef struct lm_summary_found {
    char state[16]; /* of an older lmtrain: its "reason" */
    int64_t step, steps;
    int64_t checkpoint_step; /* of the newest checkpoint; -1: none, or not said */
    char budget[64];         /* "": none */
    /* Of these, NaN: not said. */
    double parameters, tokens, val_loss, seconds;
    bool stopped_early;
    bool without_last; /* it ended and had no checkpoint of its last step */
    int64_t pid;       /* 0: not said */
    char host[65];     /* "": not said */
    char started[32];  /* "2026-01-31T12:00:00Z"; "": not said */
    bool here;         /* host is this machine */
} lm_summary_found;

/* false: there is none, or it cannot be read. */
bool lm_summary_read(lm_summary_found *s, const char *path);

#endif
