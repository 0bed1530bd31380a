/* Points of the space, in order: all combinations, random ones, or Sobol's. Candidates that break a
 * constraint are passed over, so that a point is a function of its number alone. */
#include <string.h>

#include "base/rng.h"
#include "config/scan.h"
#include "sweep/sobol.h"
#include "sweep/sweep.h"

/* Candidates in a row that may break constraints before that is an error. */
enum { MOST_MISSES = 100000 };

void lm_sweep_place(const lm_sweep *s, const double *units, lm_value *values) {
    for (int i = 0; i < s->space.n_dimensions; i++) {
        const lm_dimension *d = &s->space.dimensions[i];
        values[i] = d->drawn < 0 ? (lm_value){0} : lm_dimension_value(d, units[d->drawn]);
    }
}

static void place_candidate(const lm_sweep *s, uint64_t candidate, double *units,
                            lm_value *values) {
    uint64_t seed = (uint64_t)s->options.seed;
    for (int i = 0; i < s->space.n_drawn; i++) {
        lm_rng rng = {.seed = seed, .purpose = LM_RNG_DRAW, .step = (uint32_t)i};
        units[i] = s->options.method == LM_SWEEP_RANDOM
                       ? lm_rng_uniform(&rng, candidate)
                       : lm_sobol_point((uint32_t)candidate, i, seed);
    }
    lm_sweep_place(s, units, values);
}

static int64_t levels_of(const lm_dimension *d) {
    int64_t n = lm_dimension_count(d);
    return n > 0 ? n : d->levels;
}

/* Combination `candidate`, the last key changing first; false: there are no more. */
static bool place_combination(const lm_sweep *s, uint64_t candidate, int64_t *levels,
                              lm_value *values) {
    for (int i = s->space.n_dimensions - 1; i >= 0; i--) {
        const lm_dimension *d = &s->space.dimensions[i];
        uint64_t n = (uint64_t)levels_of(d);
        levels[i] = (int64_t)(candidate % n);
        values[i] = lm_dimension_level(d, levels[i]);
        candidate /= n;
    }
    return candidate == 0;
}

/* A key that a combination does not give has one value, not as many as there are levels. */
static bool is_repeated(const lm_sweep *s, const int64_t *levels, const lm_value *values) {
    for (int i = 0; i < s->space.n_dimensions; i++)
        if (values[i].kind == LM_VALUE_NONE && levels[i] > 0) return true;
    return false;
}

static lm_status nothing_left(const lm_sweep *s, int which, int64_t point, lm_error *err) {
    const lm_constraint *c = &s->space.constraints[which];
    int line = 1, column = 1;
    lm_scan_advance(s->space.text, 0, c->at, &line, &column);
    return lm_error_set(err, LM_ERR_USAGE,
                        "%s:%d:%d: the constraints leave too little of the space: after %lld points"
                        " %d candidates in a row broke one, the last of them \"%s\"",
                        s->file, line, column, (long long)point, MOST_MISSES, c->expression->text);
}

/* The next point; *there false: a grid has no more. */
static lm_status draw_point(lm_sweep *s, int64_t point, bool *there, lm_error *err) {
    int64_t levels[LM_SPACE_MOST] = {0};
    lm_value *values = s->values + point * s->space.n_dimensions;
    double *units = s->units + point * s->space.n_drawn;
    bool grid = s->options.method == LM_SWEEP_GRID;
    int which = 0;
    for (int misses = 0; misses < MOST_MISSES || grid; misses++) {
        uint64_t candidate = s->next_draw++;
        if (grid)
            *there = place_combination(s, candidate, levels, values);
        else
            place_candidate(s, candidate, units, values);
        if (!*there) return LM_OK;
        lm_settled settled = lm_space_settle(&s->space, values, &which, err);
        if (settled == LM_SETTLED_ERROR) return LM_ERR_USAGE;
        if (settled == LM_SETTLED && !(grid && is_repeated(s, levels, values))) return LM_OK;
    }
    return nothing_left(s, which, point, err);
}

/* A grid has as many points as there are combinations that hold. */
static lm_status end_grid(lm_sweep *s, int64_t points, lm_error *err) {
    if (points == 0)
        return lm_error_set(err, LM_ERR_USAGE, "%s: the constraints leave nothing of the grid",
                            s->file);
    s->n_points = points;
    s->n_settings = points + s->first_point;
    s->n_trials = s->n_settings * s->options.n_seeds;
    return LM_OK;
}

lm_status lm_sweep_draw(lm_sweep *s, int64_t to, lm_error *err) {
    lm_status status = LM_OK;
    for (bool there = true; s->n_drawn < to && status == LM_OK; s->n_drawn++) {
        int64_t point = s->n_drawn;
        if (point == LM_SWEEP_MOST_POINTS)
            return lm_error_set(err, LM_ERR_USAGE, "%s: a sweep takes %d settings at most", s->file,
                                LM_SWEEP_MOST_POINTS);
        if ((status = draw_point(s, point, &there, err)) != LM_OK) break;
        if (!there) return end_grid(s, point, err);
        status = lm_sweep_check_setting(s, s->first_point + point, err);
    }
    return status;
}
