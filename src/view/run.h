/* A run, read from the outside: what its directory says, at any time, whoever trains in it.
 *
 *     lm_view_run r = {0};
 *     lm_view_run_open(&r, "runs/book", err);
 *     lm_view_run_read(&r, err);            // again, later: only what is new of metrics.jsonl
 *     const lm_series *loss = lm_view_run_series(&r, "loss");
 *     lm_view_run_free(&r);
 *
 * Memory is bounded, however many lines there are. Lines that are not whole or not ours are passed
 * over, and so is a file that is missing: of a run that has just begun there is little to see. */
#ifndef LM_VIEW_RUN_H
#define LM_VIEW_RUN_H

#include "base/error.h"
#include "view/series.h"

enum { LM_VIEW_MOST_SERIES = 4096, LM_VIEW_MOST_SAMPLES = 128, LM_VIEW_MOST_EVENTS = 256 };

/* A figure of metrics.jsonl: "loss", "val_loss.prose", "phases.gemm",
 * "layers.h.0.attn.qkv.weight.update_ratio". */
typedef struct lm_view_series {
    char *name;
    lm_series series;
} lm_view_series;

/* Where a step stands on the other axes. */
typedef struct lm_view_anchor {
    int64_t step;
    double tokens, seconds;
} lm_view_anchor;

typedef struct lm_view_sample {
    int64_t step;
    char *prompt, *text;
} lm_view_sample;

/* A step that was not taken (train.max_skips, train.rewind). */
typedef struct lm_view_event {
    int64_t step; /* that was refused */
    int64_t back; /* the step that the run went back to; -1: it was skipped */
    char *why;
} lm_view_event;

/* A member of an object of JSON, with the path to it: "optimizer.lr". */
typedef struct lm_view_entry {
    char *key, *value; /* the value as JSON, but strings without quotes */
    double number;     /* of a number; NaN: it is none */
} lm_view_entry;

typedef struct lm_view_entries {
    lm_view_entry *items; /* [count] */
    int64_t count, capacity;
} lm_view_entries;

typedef struct lm_view_run {
    char *path, *name; /* name: what tells it apart, the last part of the path at first */
    lm_view_series *series;
    int64_t n_series;
    lm_view_anchor *anchors; /* [n_anchors], thinned */
    int64_t n_anchors, anchor_every, rows;
    lm_view_sample *samples; /* [n_samples], thinned */
    int64_t n_samples, sample_every, samples_seen;
    lm_view_event *events; /* [n_events], thinned */
    int64_t n_events, event_every, events_seen;
    lm_view_entries config, summary; /* resolved.json, summary.json */
    int64_t step;                    /* the last one in metrics.jsonl */
    double tokens, seconds;          /* there */
    bool running;                    /* set by who knows that a process trains in it */
    uint64_t offset;                 /* of metrics.jsonl: what stands before it was read */
    uint64_t inode;                  /* of that file */
    char before[64];                 /* [n_before]: the bytes of it that stand before the offset */
    size_t n_before;
} lm_view_run;

/* LM_ERR_USAGE unless it is a directory with metrics.jsonl, resolved.json or summary.json. */
lm_status lm_view_run_open(lm_view_run *r, const char *path, lm_error *err);
/* Reads what was appended to metrics.jsonl, and the other files anew. When metrics.jsonl was
 * replaced or cut, even if it has become longer since, it is read from its beginning. */
lm_status lm_view_run_read(lm_view_run *r, lm_error *err);
void lm_view_run_free(lm_view_run *r); /* zero-initialised or twice is fine */

const lm_series *lm_view_run_series(const lm_view_run *r, const char *name); /* NULL: none */
/* A member of config or summary: its text (NULL: none), its number (NaN: none). */
const char *lm_view_text(const lm_view_entries *e, const char *key);
double lm_view_number(const lm_view_entries *e, const char *key);
/* What the run counts ("skips", "rewinds"), by metrics.jsonl, else by summary.json; 0: nothing. */
int64_t lm_view_run_count(const lm_view_run *r, const char *name);
/* "running", "finished", ..., "stopped" when it says that it runs and no process does. */
const char *lm_view_run_state(const lm_view_run *r);
/* Diverged or failed: its losses say nothing beside those of others. */
bool lm_view_run_ended_badly(const lm_view_run *r);
/* Tokens and seconds at a step, between those that are known. */
lm_view_anchor lm_view_run_anchor(const lm_view_run *r, int64_t step);
/* Gives runs of the same name more of their paths, until the names differ. */
lm_status lm_view_run_names(lm_view_run *runs, int64_t n, lm_error *err);

#endif
