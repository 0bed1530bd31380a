/* The order of settings, and which checkpoints may go. */
#include <math.h>
#include <stdlib.h>

#include "sweep/leaderboard.h"
#include "sweep/outcome.h"

/* Of n values: their mean, and its standard error (NaN for one). */
static void mean_of(const double *x, int64_t n, double *mean, double *error) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) sum += x[i];
    *mean = n > 0 ? sum / (double)n : (double)NAN;
    for (int64_t i = 0; i < n; i++) squares += (x[i] - *mean) * (x[i] - *mean);
    *error = n > 1 ? sqrt(squares / (double)(n - 1) / (double)n) : (double)NAN;
}

static void measure(const lm_sweep *s, const lm_journals *j, lm_rank *r, double *room) {
    int64_t n = s->options.n_seeds, pairs = 0;
    double none;
    r->rung = lm_plan_reached(s, j, r->setting);
    r->mean = r->error = r->difference = r->difference_error = NAN;
    if (r->rung < 0) return;
    r->mean = lm_plan_mean(s, j, r->setting, r->rung);
    if (!isfinite(r->mean)) return;
    for (int64_t i = 0; i < n; i++)
        room[i] = lm_journals_result(j, r->setting * n + i, r->rung)->loss;
    mean_of(room, n, &none, &r->error);
    if (s->first_point == 0 || r->setting == 0) return;
    for (int64_t i = 0; i < n; i++) {
        const lm_result *base = lm_journals_result(j, i, r->rung);
        if (base->state == LM_TASK_DONE) room[pairs++] = room[i] - base->loss;
    }
    mean_of(room, pairs, &r->difference, &r->difference_error);
}

static int by_rank(const void *a, const void *b) {
    const lm_rank *x = a, *y = b;
    bool fx = isfinite(x->mean), fy = isfinite(y->mean);
    if (fx != fy) return fx ? -1 : 1;
    if (x->rung != y->rung) return x->rung > y->rung ? -1 : 1;
    if (fx && x->mean != y->mean) return x->mean < y->mean ? -1 : 1;
    return (x->setting > y->setting) - (x->setting < y->setting);
}

lm_rank *lm_leaderboard_rank(const lm_sweep *s, const lm_journals *j, int64_t *n) {
    *n = s->first_point + s->n_drawn;
    lm_rank *ranks = calloc((size_t)*n + 1, sizeof *ranks);
    double *room = calloc((size_t)s->options.n_seeds + 1, sizeof *room);
    for (int64_t i = 0; ranks && room && i < *n; i++) {
        ranks[i].setting = i;
        measure(s, j, &ranks[i], room);
    }
    free(room);
    if (!ranks || !room) {
        free(ranks);
        return NULL;
    }
    qsort(ranks, (size_t)*n, sizeof *ranks, by_rank);
    return ranks;
}

/* Will no further task of the setting run? */
static bool is_decided(const lm_sweep *s, const lm_rank *r, const lm_task_list *list) {
    if (r->rung < 0) return false;
    if (r->rung == s->rungs - 1 || list->complete || isinf(r->mean)) return true;
    return list->competes && r->setting >= s->first_point && !list->competes[r->setting];
}

void lm_leaderboard_prune(const lm_sweep *s, const lm_journals *j, const lm_task_list *list,
                          bool *gone) {
    int64_t n, kept = 0;
    lm_rank *ranks = lm_leaderboard_rank(s, j, &n);
    for (int64_t i = 0; ranks && i < n; i++) {
        int64_t setting = ranks[i].setting;
        if (!is_decided(s, &ranks[i], list)) continue;
        if (isfinite(ranks[i].mean) && kept++ < s->options.keep) continue;
        for (int64_t k = 0; k < s->options.n_seeds && !gone[setting]; k++) {
            char *dir = lm_trial_dir(s->options.dir, setting * s->options.n_seeds + k);
            if (dir) lm_outcome_remove_checkpoints(dir);
            free(dir);
        }
        gone[setting] = true;
    }
    free(ranks);
}
