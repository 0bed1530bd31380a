#include "sweep/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "sweep/tpe.h"

/* ---- brackets ---------------------------------------------------------------------------------*/

static bool has_generations(const lm_sweep *s) {
    return s->options.method == LM_SWEEP_TPE;
}

int64_t lm_plan_brackets(const lm_sweep *s) {
    return has_generations(s) ? lm_divide_up(s->n_points, s->options.generation) : 1;
}

void lm_plan_bracket(const lm_sweep *s, int64_t bracket, int64_t *first, int64_t *end) {
    int64_t size = has_generations(s) ? s->options.generation : s->n_points;
    *first = s->first_point + bracket * size;
    *end = lm_min(*first + size, s->n_settings);
}

/* ---- results of settings ----------------------------------------------------------------------*/

double lm_plan_mean(const lm_sweep *s, const lm_journals *j, int64_t setting, int rung) {
    double sum = 0;
    bool bad = false;
    int64_t n = s->options.n_seeds;
    for (int64_t i = 0; i < n; i++) {
        const lm_result *r = lm_journals_result(j, setting * n + i, rung);
        if (r->state == LM_TASK_OPEN) return NAN;
        bad |= r->state != LM_TASK_DONE;
        if (r->state == LM_TASK_DONE) sum += r->loss;
    }
    return bad ? INFINITY : sum / (double)n;
}

int lm_plan_reached(const lm_sweep *s, const lm_journals *j, int64_t setting) {
    int rung = -1;
    while (rung + 1 < s->rungs && !isnan(lm_plan_mean(s, j, setting, rung + 1))) rung++;
    return rung;
}

/* ---- halving ----------------------------------------------------------------------------------*/

typedef struct standing {
    int64_t setting;
    double loss;
} standing;

static int by_loss(const void *a, const void *b) {
    const standing *x = a, *y = b;
    if (x->loss != y->loss) return x->loss < y->loss ? -1 : 1;
    return (x->setting > y->setting) - (x->setting < y->setting);
}

/* The settings that go on: moves them to the front of members; how many. */
static int64_t promote(const lm_sweep *s, const lm_journals *j, int rung, standing *members,
                       int64_t n) {
    for (int64_t i = 0; i < n; i++) members[i].loss = lm_plan_mean(s, j, members[i].setting, rung);
    qsort(members, (size_t)n, sizeof *members, by_loss);
    int64_t most = lm_max(n / s->options.halving, 1), left = 0;
    while (left < most && left < n && isfinite(members[left].loss)) left++;
    return left;
}

/* ---- the list ---------------------------------------------------------------------------------*/

static void add(lm_task_list *l, const lm_journals *j, int64_t trial, int rung) {
    if (lm_journals_result(j, trial, rung)->state == LM_TASK_OPEN)
        l->tasks[l->count++] = (lm_task){trial, rung};
}

/* Of a trial that diverged or failed at an earlier rung nothing is left to run: with several seeds,
 * those of a setting that does not go on. */
static void add_setting(lm_task_list *l, const lm_sweep *s, const lm_journals *j, int64_t setting,
                        int rung) {
    for (int64_t i = 0; i < s->options.n_seeds; i++)
        add(l, j, setting * s->options.n_seeds + i, rung);
}

/* The open tasks of the bracket's lowest rung that has any; true: it has none at all. */
static bool add_bracket(lm_task_list *l, const lm_sweep *s, const lm_journals *j, int64_t bracket,
                        standing *members) {
    int64_t first, end, n = 0, before = l->count;
    lm_plan_bracket(s, bracket, &first, &end);
    for (int64_t i = first; i < end; i++) members[n++] = (standing){.setting = i};
    for (int rung = 0; rung < s->rungs; rung++) {
        for (int64_t i = 0; i < n; i++) add_setting(l, s, j, members[i].setting, rung);
        l->bracket = bracket;
        l->rung = rung;
        for (int64_t i = first; i < end; i++) l->competes[i] = false;
        for (int64_t i = 0; i < n; i++) l->competes[members[i].setting] = true;
        if (l->count > before) return false;
        if (rung + 1 < s->rungs) n = promote(s, j, rung, members, n);
    }
    return true;
}

static const lm_sweep
    *sorted_sweep; /* of by_cost: qsort has no context, and no worker has threads */

static double cost_of(const lm_task *t) {
    const lm_sweep *s = sorted_sweep;
    int64_t setting = t->trial / s->options.n_seeds;
    bool whole = setting < s->first_point;
    int64_t before = t->rung > 0 && !whole ? lm_sweep_rung_steps(s, setting, t->rung - 1) : 0;
    return s->settings[setting].step_cost *
           (double)(lm_sweep_rung_steps(s, setting, t->rung) - before);
}

static int by_cost(const void *a, const void *b) {
    const lm_task *x = a, *y = b;
    double cx = cost_of(x), cy = cost_of(y);
    if (cx != cy) return cx > cy ? -1 : 1;
    return (x->trial > y->trial) - (x->trial < y->trial);
}

lm_status lm_plan(lm_sweep *s, const lm_journals *j, lm_task_list *list, lm_error *err) {
    standing *members = calloc((size_t)s->n_settings + 1, sizeof *members);
    lm_status status = LM_OK;
    bool done = true;
    *list = (lm_task_list){0};
    list->tasks = calloc((size_t)s->n_trials + 1, sizeof *list->tasks);
    list->competes = calloc((size_t)s->n_settings + 1, sizeof *list->competes);
    if (!members || !list->tasks || !list->competes) {
        status = lm_error_no_memory(err, NULL);
        goto out;
    }
    for (int64_t i = s->first_point; i < s->n_settings; i++) list->competes[i] = true;
    for (int64_t b = 0; b < lm_plan_brackets(s) && done && status == LM_OK; b++) {
        int64_t first, end;
        lm_plan_bracket(s, b, &first, &end);
        if (s->first_point + s->n_drawn < end) status = lm_tpe_draw(s, j, b, err);
        if (status == LM_OK) done = add_bracket(list, s, j, b, members);
    }
    if (s->first_point > 0) add_setting(list, s, j, 0, s->rungs - 1);
    list->complete = list->count == 0;
    sorted_sweep = s;
    if (status == LM_OK) qsort(list->tasks, (size_t)list->count, sizeof *list->tasks, by_cost);
out:
    free(members);
    return status;
}

void lm_task_list_free(lm_task_list *list) {
    free(list->tasks);
    free(list->competes);
    *list = (lm_task_list){0};
}

lm_status lm_plan_draw(lm_sweep *s, lm_error *err) {
    lm_journals journals;
    lm_task_list list = {0};
    if (!has_generations(s)) return LM_OK;
    lm_status status = lm_journals_open(&journals, s, err);
    if (status == LM_OK) status = lm_journals_read(&journals, s, err);
    if (status == LM_OK) status = lm_plan(s, &journals, &list, err);
    lm_task_list_free(&list);
    lm_journals_close(&journals);
    return status;
}

int64_t lm_plan_total(const lm_sweep *s) {
    int64_t total = s->first_point * s->options.n_seeds;
    for (int64_t b = 0; b < lm_plan_brackets(s); b++) {
        int64_t first, end;
        lm_plan_bracket(s, b, &first, &end);
        int64_t n = end - first;
        for (int rung = 0; rung < s->rungs; rung++) {
            total += n * s->options.n_seeds;
            if (s->options.halving > 0) n = lm_max(n / s->options.halving, n > 0);
        }
    }
    return total;
}
