/* What may run now: a function of the results so far.
 *
 * Settings compete in brackets: all of them in one, or, with tpe, a generation in each, one bracket
 * after the other. Without halving a bracket has one rung. With halving, when all tasks of a rung
 * have results, the best 1 / halving of its settings (by the mean over seeds; of equal ones the one
 * that was drawn first), rounded down, one at least, go on to the next rung. Settings with a trial
 * that diverged or failed do not go on. The base setting runs to its end by itself. */
#ifndef LM_SWEEP_PLAN_H
#define LM_SWEEP_PLAN_H

#include "sweep/journal.h"

typedef struct lm_task {
    int64_t trial;
    int rung;
} lm_task;

typedef struct lm_task_list {
    lm_task *tasks;
    int64_t count;
    bool complete;   /* the sweep has all of its results */
    int64_t bracket; /* that is at work */
    int rung;
    bool *competes; /* [n_settings] is in that rung, or in a later bracket */
} lm_task_list;

/* The tasks without results that may run, the most expensive first: the end of a rung is shorter
 * so. For tpe, draws the next generation (tpe.h) when the one before is complete. Free list->tasks.
 * */
lm_status lm_plan(lm_sweep *s, const lm_journals *j, lm_task_list *list, lm_error *err);
void lm_task_list_free(lm_task_list *list); /* zero-initialised or twice is fine */

/* Draws the generations of tpe whose earlier ones have all results in the journals of the sweep's
 * directory, which was begun. Of other methods all is drawn already. */
lm_status lm_plan_draw(lm_sweep *s, lm_error *err);

/* The mean loss of a setting over its seeds at the end of a rung; +infinity when one diverged or
 * failed; NaN when one is not there yet. */
double lm_plan_mean(const lm_sweep *s, const lm_journals *j, int64_t setting, int rung);
/* The last rung of which all seeds of the setting have results; -1: none. */
int lm_plan_reached(const lm_sweep *s, const lm_journals *j, int64_t setting);

/* Settings of bracket b: [first, end). */
void lm_plan_bracket(const lm_sweep *s, int64_t bracket, int64_t *first, int64_t *end);
int64_t lm_plan_brackets(const lm_sweep *s);

/* How many tasks the whole sweep has when nothing diverges or fails. */
int64_t lm_plan_total(const lm_sweep *s);

#endif
