/* metrics.jsonl: one JSON object per line, for scripts and plots.
 *
 *     {"step":1,"tokens":768,"loss":4.19,"lr":1e-05,"grad_norm":2.1,
 *      "digest":"5ff1c2d8b1a0e394","weights_digest":"d21b0c94a7e58f36","tokens_per_s":33000,
 *      "seconds":0.02}
 *     {"step":100,"tokens":76800,"digest":"0b13f6a2c7d5e884","val_loss":2.9,"val_perplexity":18.2,
 *      "val_bits_per_byte":4.18,"val_tokens":50000,"seconds":2.4}
 *
 * With train.noise_scale a step has "noise_scale", "noise_signal" and "noise_trace" behind
 * "grad_norm". With --profile it has "phases" too: its seconds {"gemm":0.011,"attention":0.004,
 * ...}.
 *
 * An evaluation that first reaches losses of eval.targets has a list of them, "targets", behind
 * "val_tokens".
 *
 * Every log.layers_every steps a line has figures of each parameter, every log.sample_every steps
 * one has a text that the model wrote:
 *
 *     {"step":100,"tokens":76800,"layers":{"h.0.attn.qkv.weight":{"weight_norm":5.1,
 *      "grad_norm":0.21,"update_norm":0.012,"update_ratio":0.0024},...},"seconds":2.4}
 *     {"step":100,"tokens":76800,"prompt":"Once","sample":" upon a time","seconds":2.5}
 *
 * A step that the guards did not take (train.max_skips) has a line behind the step before it, with
 * its windows, by the numbers that data.skip takes, and the worst of them:
 *
 *     {"step":119,"tokens":91392,"event":"skip","refused":120,"why":"the loss is not finite",
 *      "refused_loss":null,"refused_grad_norm":null,"refused_lr":0.001,"skips":1,
 *      "rewinds":0,"windows":[1428,1439],"worst":[{"window":1431,"source":"data/train.bin",
 *      "file":"data/train.bin","token":36608,"byte":73216,"window_loss":null,"text":"..."}],
 *      "seconds":2.6}
 *
 * With train.rewind, lines of steps that are done again go to metrics.jsonl.aside. A line behind
 * that of the step to which the run went back says why, with the same figures ("event":"rewind"),
 * "checkpoint", and all windows that are passed over: "passed_over":[1344,1439].
 *
 * A run on several sources of tokens, or with named validation sets, has figures of each:
 * "tokens.NAME" and "epochs.NAME" behind "tokens", "val_loss.NAME" behind "val_loss". Where an
 * average of the weights is evaluated, "val_loss_raw" behind "val_loss" is that of the weights
 * themselves.
 *
 * Figures that are not finite are null. Steps never fall from line to line: a resumed run
 * moves the lines after the step that it resumes from to metrics.jsonl.aside, and removes a
 * half-written last line. */
#ifndef LM_REPORT_METRICS_H
#define LM_REPORT_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

/* Of one source of a mixture, since its data began. */
typedef struct lm_source_figures {
    const char *name;
    int64_t tokens; /* trained on, or passed over */
    double epochs;  /* its windows that were trained on, by how many it has */
} lm_source_figures;

/* Of one of several validation sets. */
typedef struct lm_set_figures {
    const char *name;
    double loss; /* nats per token; NaN: none yet */
} lm_set_figures;

/* What a run reads: [n_sources] and [n_sets], 0 of what has no name. */
typedef struct lm_data_figures {
    lm_source_figures *sources;
    int64_t n_sources;
    lm_set_figures *sets;
    int64_t n_sets;
} lm_data_figures;

/* Where time went, by the kind of work. */
typedef struct lm_phase_figures {
    const char *(*name)(int phase); /* NULL past the end; NULL itself: not measured */
    const double *seconds;          /* of each kind */
} lm_phase_figures;

/* Of the gradients of the steps so far (optim/noise.h). */
typedef struct lm_noise_figures {
    double signal; /* |G|^2: NaN before the first step */
    double trace;  /* tr(Sigma), for one token */
    double scale;  /* their quotient, in tokens; NaN when |G|^2 is not above 0 */
} lm_noise_figures;

typedef struct lm_step_figures {
    int64_t step;   /* 1-based */
    int64_t tokens; /* trained on since the start of the run */
    double loss;    /* mean over the step, nats per token */
    double lr, grad_norm;
    const lm_noise_figures *noise; /* of the gradients of the steps so far; NULL: not known */
    uint64_t digest;               /* running, of batches */
    uint64_t weights_digest;       /* after the step; 0: not taken */
    double tokens_per_s;           /* of this step */
    double seconds;                /* since the start of the run, earlier sessions included */
    lm_phase_figures phases;       /* of this step */
} lm_step_figures;

typedef struct lm_eval_figures {
    int64_t step, tokens;   /* as above */
    uint64_t digest;        /* as above */
    int64_t val_tokens;     /* evaluated, of all sets */
    double val_loss;        /* nats per token; of the first set */
    double val_loss_raw;    /* the same of the weights themselves, where val_loss is that of an
                               average of them; 0 or NaN: not evaluated */
    double bytes_per_token; /* 0: not known, no bits per byte */
    double seconds;         /* since the start of the run */
    const struct lm_targets *targets; /* this evaluation taken in (targets.h); NULL: none */
} lm_eval_figures;

/* Of one parameter, by one step. */
typedef struct lm_layer_figures {
    const char *name;
    double weight_norm; /* after the update */
    double grad_norm;   /* before clipping */
    double update_norm; /* of what was added to the weights */
} lm_layer_figures;

/* A window of a step that was not taken. */
typedef struct lm_window_figures {
    int64_t window;     /* its number in the run: data/skips.h */
    const char *source; /* of data.train */
    const char *file;   /* the shard that it is in */
    int64_t token;      /* where it begins there */
    uint64_t byte;      /* the same, in the file */
    double loss;        /* mean, nats per token */
    bool has_norm;      /* it is known: */
    double grad_norm;   /* of what the window adds to the step's gradient */
    const char *text;   /* how it begins; NULL: its tokenizer is not known */
} lm_window_figures;

enum { LM_GUARD_MOST_WINDOWS = 3 }; /* that are named */

/* A step that was refused, and what the guards did. */
typedef struct lm_guard_figures {
    const char *event;          /* "skip" or "rewind" */
    int64_t step, tokens;       /* as above: where the run goes on */
    int64_t refused;            /* the step that did it */
    const char *why;            /* in words */
    double loss, grad_norm, lr; /* of that step */
    int64_t skips, rewinds;     /* of the run so far */
    const char *checkpoint;     /* of a rewind: to which; NULL: to the start of the run */
    int64_t passed_from;        /* of a rewind: the first window that is passed over, up to last */
    int64_t first, last;        /* the step's windows, and those in between that data.skip names */
    int n_worst;                /* at most LM_GUARD_MOST_WINDOWS */
    const lm_window_figures *worst; /* [n_worst]: what is not finite, then the highest */
    double seconds;                 /* as above */
} lm_guard_figures;

/* A text that the model wrote. */
typedef struct lm_sample_figures {
    int64_t step, tokens; /* as above */
    double seconds;       /* as above */
    const char *prompt, *text;
} lm_sample_figures;

typedef struct lm_metrics {
    char *path; /* NULL: closed */
    int fd;
    int64_t last_step; /* step of the last line that was kept on opening; 0: there was none */
    int64_t moved;     /* lines that opening moved to <path>.aside */
    lm_text text;      /* what is not written yet; reused, so that a step allocates nothing */
    bool late;         /* lines wait because writing failed; `why` holds the error */
    lm_error why;
} lm_metrics;

/* Where a run goes on: what it knows of. */
typedef struct lm_metrics_mark {
    int64_t step;           /* done */
    bool evaluated;         /* at that step, if it is to be */
    int64_t skips, rewinds; /* so far: lm_guard_figures */
} lm_metrics_mark;

/* Open for appending, making the file when it is not there: what stands behind the last whole line
 * of which the mark knows is moved to the end of <path>.aside; a line that was cut off goes.
 * *seconds receives the "seconds" of the last line kept, 0 when there is none; where that line is
 * of an earlier step than the mark's, those of that step on the way to the next line, if there is
 * one. */
lm_status lm_metrics_open(lm_metrics *m, const char *path, const lm_metrics_mark *mark,
                          double *seconds, lm_error *err);
/* Room for lines with so many figures of data, so that writing one allocates nothing. */
void lm_metrics_reserve(lm_metrics *m, const lm_data_figures *data);
/* Append one line, by one write; data may be NULL. A line that cannot be written, for example
 * because the disk is full, is no error: it waits (m->late) and is written before the next one. */
lm_status lm_metrics_step(lm_metrics *m, const lm_step_figures *f, const lm_data_figures *data,
                          lm_error *err);
lm_status lm_metrics_eval(lm_metrics *m, const lm_eval_figures *f, const lm_data_figures *data,
                          lm_error *err);
/* f: of the step whose parameters they are [n]. */
lm_status lm_metrics_layers(lm_metrics *m, const lm_step_figures *f, const lm_layer_figures *layers,
                            int64_t n, lm_error *err);
lm_status lm_metrics_sample(lm_metrics *m, const lm_sample_figures *f, lm_error *err);
lm_status lm_metrics_guard(lm_metrics *m, const lm_guard_figures *f, lm_error *err);
/* Write the lines that wait and sync the file, before a checkpoint that refers to it is written.
 * Does nothing when m is not open. */
lm_status lm_metrics_sync(lm_metrics *m, lm_error *err);
void lm_metrics_close(lm_metrics *m); /* zero-initialised or twice is fine */

/* An object of JSON "name": a member for each kind of work, in seconds; NULL: an element. */
void lm_phase_figures_write(const lm_phase_figures *p, const char *name, lm_json_writer *w);
/* Members of an object of JSON: what the lines above and summary.json say of the data. */
void lm_data_figures_write_sources(const lm_data_figures *data, lm_json_writer *w);
void lm_data_figures_write_sets(const lm_data_figures *data, lm_json_writer *w);

/* The figure of a key in a line of metrics.jsonl, as this room writes it, that ends with a newline;
 * false: the line has no such figure, or it is null. */
bool lm_metrics_figure(const char *line, size_t length, const char *key, double *out);

double lm_perplexity(double loss);                            /* exp(loss) */
double lm_bits_per_byte(double loss, double bytes_per_token); /* loss / ln 2 / bytes_per_token */

#endif
