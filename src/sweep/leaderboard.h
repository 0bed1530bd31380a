/* Results of a sweep, in its directory; all are functions of the journals:
 *
 *     leaderboard.json   a list of objects, a trial each, the best setting's first: trial, setting,
 *                        rank, base (true: of the base config), state, values, seed, loss; of
 *                        the setting mean, stderr, difference,
 *                        difference_stderr; then step, steps, seconds, dir (beside this file)
 *     leaderboard.csv    the same, a column for each key
 *     importance.json    for each key: its rank correlation with the loss, its importance, means
 *     best.json          the best setting's config, with its first seed: ready to run, in DIR/best
 *
 * Settings rank by the rung that they reached, then by the mean over seeds. stderr is the standard
 * error of that mean. difference is the mean over seeds of the loss minus that of the base with the
 * same seed after the same rung: the same initial weights and batches, so that it is far more exact
 * than either loss; difference_stderr is its standard error.
 *
 * importance of a key of numbers: the size of Spearman's rank correlation between its values and
 * the losses at the end of rung 0, where all settings have one (those that diverged share the last
 * rank, and are no part of means); of other keys, the correlation ratio of the ranks of the losses:
 * the root of the share of their variance that lies between its values. */
#ifndef LM_SWEEP_LEADERBOARD_H
#define LM_SWEEP_LEADERBOARD_H

#include "sweep/plan.h"

/* A setting's place. NaN: not known. */
typedef struct lm_rank {
    int64_t setting;
    int rung; /* that it reached; -1: none */
    double mean, error, difference, difference_error;
} lm_rank;

/* All settings that have values, the best first; *n of them. NULL: out of memory. */
lm_rank *lm_leaderboard_rank(const lm_sweep *s, const lm_journals *j, int64_t *n);

/* Replaces the files above; importance.json and best.json when `last`. */
lm_status lm_leaderboard_write(const lm_sweep *s, const lm_journals *j, bool last, lm_error *err);
/* Deletes checkpoints of settings that are out and not among the best sweep.keep. `list` says which
 * rung is at work; gone [n_settings] remembers what was deleted. */
void lm_leaderboard_prune(const lm_sweep *s, const lm_journals *j, const lm_task_list *list,
                          bool *gone);
/* Appends a table of the best `rows` settings for people, and how many trials have no loss. */
void lm_leaderboard_print(const lm_sweep *s, const lm_journals *j, int rows, lm_text *out);

/* What a key does (importance.c). */
void lm_importance_write(const lm_sweep *s, const lm_journals *j, lm_text *out);
void lm_importance_print(const lm_sweep *s, const lm_journals *j, lm_text *out);

/* The name of a trial's state at the last rung of which it has a result. */
const char *lm_leaderboard_state(const lm_sweep *s, const lm_journals *j, int64_t trial, int *rung);

#endif
