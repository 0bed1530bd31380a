/* A sweep: hundreds of runs from one file.
 *
 *     {"sweep": {"dir": "sweeps/lr", "points": 32, "seeds": 2, "halving": 4},
 *      "base": "run.json",                                    // or the config itself, { ... }
 *      "space": {"optimizer.lr": {"log_uniform": [1e-4, 1e-2]}, "model.d_model": [64, 128]},
 *      "constraints": ["model.d_model % model.n_heads == 0"]}
 *
 *     lm_sweep s;
 *     lm_sweep_open(&s, "sweep.json", NULL, err);  // reads, draws settings, checks all configs
 *     lm_sweep_close(&s);
 *
 * A setting gives values to the keys of the space: setting 0 is the base config itself (unless
 * sweep.baseline is false) with the constants of the space, the others are the points drawn
 * from the space, in order. A trial is a setting with one of the seeds: trial = setting * n_seeds +
 * seed. What a trial is depends on its number alone; with tpe, also on the results of earlier
 * generations.
 *
 * With halving, a trial stops at rungs: rung 0 ends after a few steps, the last one with the run.
 * A task is a trial up to the end of a rung: one session of its run.
 *
 *     options.c space*.c value.c expression.c evaluate.c   the file
 *     sweep.c draw.c sobol.c tpe.c trial.c                 settings and trials
 *     directory.c journal.c claim.c                        what workers share
 *     plan.c halving.c worker.c spawn.c calibrate.c        what runs next, and running it
 *     leaderboard.c ranking.c importance.c table.c         results
 *     emit.c cost.c schema.c                               what is printed */
#ifndef LM_SWEEP_SWEEP_H
#define LM_SWEEP_SWEEP_H

#include "config/config.h"
#include "sweep/options.h"
#include "sweep/space.h"

enum { LM_SWEEP_MOST_RUNGS = 20 };

/* What a setting's config says. */
typedef struct lm_setting {
    int64_t steps;      /* train.steps, or what a train.budget in tokens or FLOP comes to */
    double seconds;     /* a train.budget in time: each trial measures its steps; 0: none */
    int64_t first_rung; /* steps of rung 0 */
    int64_t
        eval_every;   /* what its trials get for eval.every, so that rungs end with one; 0: as is */
    double step_cost; /* FLOPs of a step, about: the vocabulary may not be known yet */
} lm_setting;

typedef struct lm_sweep {
    lm_sweep_options options;
    char *named_dir;     /* options.dir as the file names it, from where the sweep was begun */
    char *file;          /* the sweep file's path, for messages */
    lm_text source;      /* its text */
    char *base_file;     /* the base config's path; of an inline one: the sweep file's */
    lm_text base_source; /* its text, with blanks where the rest of the sweep file stands */
    bool base_is_inline;
    lm_config base;
    lm_space space;
    char *objective;     /* a name of sweep.objective, never empty */
    int rungs;           /* 1: no halving */
    int64_t first_point; /* the setting that is point 0: 1 with the base, else 0 */
    int64_t n_points, n_settings, n_trials;
    int64_t n_drawn;  /* points that have values so far: all, but for later generations of tpe */
    lm_value *values; /* [n_points, n_dimensions] */
    lm_value *base_values; /* [n_dimensions] constants, which the base run has; NULL: none */
    double *units;         /* [n_points, n_drawn of the space]: the coordinates; of a grid 0 */
    lm_setting *settings;  /* [n_settings] of those drawn */
    uint64_t next_draw;    /* of draw.c: the next candidate */
} lm_sweep;

/* Reads the file, draws all settings that depend on no results, and checks their configs.
 * directory: where the sweep lies (directory.h), whatever sweep.dir says, and the base config with
 * it; NULL: the file says both. LM_ERR_USAGE names file:line:column, or the trial and its values.
 * lm_sweep_close frees, after an error too. */
lm_status lm_sweep_open(lm_sweep *s, const char *path, const char *directory, lm_error *err);
void lm_sweep_close(lm_sweep *s); /* zero-initialised or twice is fine */

/* ---- settings and trials ----------------------------------------------------------------------*/

/* The values that a setting gives, [n_dimensions]; NULL: it is the base config as it is. */
const lm_value *lm_sweep_values(const lm_sweep *s, int64_t setting);
/* The value of run.seed of replicate i. */
int64_t lm_sweep_seed(const lm_sweep *s, int64_t i);
/* Appends "optimizer.lr = 0.001, model.d_model = 64", without the constants of the space; of the
 * base "the base config as it is", or without "as it is" where the space has constants. */
void lm_sweep_describe(const lm_sweep *s, int64_t setting, lm_text *out);
/* The last step of a rung of a setting's trials. */
int64_t lm_sweep_rung_steps(const lm_sweep *s, int64_t setting, int rung);

/* Draws points n_drawn .. to - 1 (draw.c), and checks them. LM_ERR_USAGE when constraints leave
 * nothing, or an expression has no value. */
lm_status lm_sweep_draw(lm_sweep *s, int64_t to, lm_error *err);
/* Fills in settings[setting] from its config, which it checks. */
lm_status lm_sweep_check_setting(lm_sweep *s, int64_t setting, lm_error *err);
/* Candidate values of the point with these coordinates; then lm_space_settle. */
void lm_sweep_place(const lm_sweep *s, const double *units, lm_value *values);

/* What a trial gives beside the base config: "KEY=VALUE" for --set. */
enum { LM_OVERRIDES_OWN = 8 }; /* at most: run.dir, run.seed, and what decisions add */
typedef struct lm_overrides {
    char *items[LM_SPACE_MOST + LM_OVERRIDES_OWN];
    int count;
    bool no_memory;
} lm_overrides;
/* Values as JSON, then run.dir (unless it is NULL), run.seed, eval.every. `seed` < 0: none. */
void lm_overrides_make(lm_overrides *o, const lm_sweep *s, int64_t setting, int64_t seed,
                       const char *dir);
/* Adds an override of the sweep's own, in place of what the space gives this key. */
void lm_overrides_decide(lm_overrides *o, const char *text);
/* log.report=false, unless the base or the space gives that key: the sweep has a page. */
void lm_overrides_without_page(lm_overrides *o, const lm_sweep *s);
void lm_overrides_free(lm_overrides *o);

/* The config of the setting's first trial, in this run directory; free *c, after an error too. */
lm_status lm_sweep_config(const lm_sweep *s, int64_t setting, const char *dir, lm_config *c,
                          lm_error *err);
/* Prefixes an error with the setting's first trial and its values. */
void lm_sweep_name_trial(const lm_sweep *s, int64_t setting, lm_error *err);

/* malloc'd "DIR/trials/00017"; NULL: out of memory. */
char *lm_trial_dir(const char *dir, int64_t trial);

/* Appends the word so that a POSIX shell reads it as it is. */
void lm_shell_word(lm_text *out, const char *word);
/* Appends the command, for a shell, that runs a trial to its end: "lmtrain train --config BASE
 * --set ... --threads N --resume"; threads 0: as the config says. */
void lm_trial_command(const lm_sweep *s, const char *program, const char *base, int64_t trial,
                      int64_t threads, lm_text *out);

/* A JSON Schema of sweep files, and the tables of configs/README.md. */
void lm_sweep_print_schema(lm_text *out);
void lm_sweep_print_reference(lm_text *out);

#endif
