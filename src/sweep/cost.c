#include "sweep/cost.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/numbers.h"
#include "checkpoint/checkpoint.h"
#include "machine/cpu.h"
#include "machine/limits.h"
#include "report/line.h"
#include "sweep/plan.h"
#include "train/setup.h"
#include "train/train.h"

enum { MEASURED_MOST = 6 }; /* settings, spread over the costs of a step */

typedef struct setting_cost {
    int64_t setting;
    double step;       /* FLOP, the mean over the run */
    double checkpoint; /* bytes of one */
    double kept;       /* checkpoints at the end of a run that never paused */
    double most_kept;  /* by retention alone, however often it pauses */
    double flop;       /* seconds of one */
} setting_cost;

typedef struct costs {
    setting_cost *items; /* [count] */
    int64_t count;
    bool by_peak; /* some of the times are */
    double share; /* of the CPU time, the least while measuring */
    lm_setup first;
    lm_config first_config;
} costs;

/* ---- settings ---------------------------------------------------------------------------------*/

static lm_status open_first(costs *c, const lm_sweep *s, lm_error *err) {
    lm_saved from = {0};
    lm_text said = {0};
    lm_status status = lm_sweep_config(s, 0, s->options.dir, &c->first_config, err);
    if (status == LM_OK) status = lm_setup_inherit(&c->first_config, false, &from, &said, err);
    if (status == LM_OK)
        status = lm_setup_open(&c->first, &c->first_config, 0, lm_cpu_detect(), true, err);
    lm_saved_close(&from);
    lm_text_free(&said);
    return status;
}

static lm_status take_setting(const costs *c, const lm_sweep *s, setting_cost *item,
                              lm_error *err) {
    lm_config config;
    lm_setup setup = {.config = &config, .threads = c->first.threads, .ranks = 1};
    setup.tokenizer_file = c->first.tokenizer_file; /* of which the length counts */
    setup.kept = c->first.kept;
    lm_status status = lm_sweep_config(s, item->setting, s->options.dir, &config, err);
    if (status == LM_OK) config.train.steps = s->settings[item->setting].steps;
    if (status == LM_OK) status = lm_setup_resolve(&config, err);
    if (status == LM_OK) status = lm_setup_plan(&setup, err);
    if (status == LM_OK) status = lm_setup_check_memory(&setup, err);
    if (status == LM_OK) {
        const lm_train_plan *p = &setup.plan;
        double steps = (double)config.train.steps;
        item->step = p->model.flops_per_token * p->tokens / steps + p->optimizer_work.flops;
        item->checkpoint = (double)p->checkpoint;
        item->kept = (double)(p->disk / p->checkpoint) - 1;
        item->most_kept = (double)config.checkpoint.keep_last;
        if (config.data.val.count > 0) item->most_kept += (double)config.checkpoint.keep_best;
        item->most_kept = fmax(item->most_kept, item->kept);
    }
    lm_config_free(&config);
    return status;
}

static int by_step(const void *a, const void *b) {
    const setting_cost *x = a, *y = b;
    if (x->step != y->step) return x->step < y->step ? -1 : 1;
    return (x->setting > y->setting) - (x->setting < y->setting);
}

static int by_checkpoint(const void *a, const void *b) {
    const setting_cost *x = a, *y = b;
    return (x->checkpoint < y->checkpoint) - (x->checkpoint > y->checkpoint);
}

static lm_status measure(costs *c, const lm_sweep *s, setting_cost *item, lm_error *err) {
    lm_config config;
    lm_train_speed speed = {0};
    lm_train_settings run = {.config = &config, .isas = lm_cpu_detect(), .quiet = true};
    lm_status status = lm_sweep_config(s, item->setting, s->options.dir, &config, err);
    if (status == LM_OK) status = lm_train_measure(&run, &speed, err);
    if (status == LM_OK) {
        double most = (double)config.train.batch * (double)config.model.context_length *
                      c->first.plan.model.flops_per_token;
        item->flop = speed.step / (item->step > 0 ? item->step : most);
        if (speed.measured == 0) c->by_peak = true;
        c->share = fmin(c->share, speed.share);
    }
    lm_config_free(&config);
    return status;
}

/* The others take the time of the nearest below them. */
static lm_status take_times(costs *c, const lm_sweep *s, lm_error *err) {
    int64_t parts = lm_min(c->count, MEASURED_MOST);
    lm_status status = LM_OK;
    qsort(c->items, (size_t)c->count, sizeof *c->items, by_step);
    for (int64_t i = 0; i < parts && status == LM_OK; i++) {
        int64_t at = i * c->count / parts, end = (i + 1) * c->count / parts;
        if ((status = measure(c, s, &c->items[at], err)) != LM_OK)
            lm_sweep_name_trial(s, c->items[at].setting, err);
        for (int64_t k = at + 1; k < end; k++) c->items[k].flop = c->items[at].flop;
    }
    return status;
}

static lm_status take_all(costs *c, const lm_sweep *s, lm_error *err) {
    c->count = s->first_point + s->n_drawn;
    c->items = calloc((size_t)c->count + 1, sizeof *c->items);
    if (!c->items) return lm_error_no_memory(err, s->file);
    lm_status status = open_first(c, s, err);
    if (status != LM_OK) lm_sweep_name_trial(s, 0, err);
    for (int64_t i = 0; i < c->count && status == LM_OK; i++) {
        c->items[i].setting = i;
        status = take_setting(c, s, &c->items[i], err);
        if (status != LM_OK) lm_sweep_name_trial(s, i, err);
    }
    return status == LM_OK ? take_times(c, s, err) : status;
}

/* ---- sums -------------------------------------------------------------------------------------*/

typedef struct sum {
    double trials, flop, seconds;
} sum;

static void add(sum *to, const sum *x) {
    to->trials += x->trials;
    to->flop += x->flop;
    to->seconds += x->seconds;
}

/* Up to the end of a rung; of a budget of time, what this machine does in it. */
static double flop_of(const lm_sweep *s, const setting_cost *item, int rung) {
    double seconds = s->settings[item->setting].seconds;
    if (seconds > 0) return item->flop > 0 ? seconds / item->flop : 0;
    return item->step * (double)lm_sweep_rung_steps(s, item->setting, rung);
}

/* n settings of a rung, of the mean cost. */
static sum of_rung(const costs *c, const lm_sweep *s, double n, int rung) {
    sum all = {0};
    double points = (double)(c->count - s->first_point);
    for (int64_t i = 0; i < c->count; i++) {
        const setting_cost *item = &c->items[i];
        if (item->setting < s->first_point) continue;
        double flop = flop_of(s, item, rung);
        if (rung > 0) flop -= flop_of(s, item, rung - 1);
        all.flop += flop;
        all.seconds += flop * item->flop;
    }
    double share = points > 0 ? n / points * (double)s->options.n_seeds : 0;
    return (sum){n * (double)s->options.n_seeds, share * all.flop, share * all.seconds};
}

static sum of_base(const costs *c, const lm_sweep *s) {
    sum base = {0};
    for (int64_t i = 0; i < c->count; i++) {
        const setting_cost *item = &c->items[i];
        if (item->setting >= s->first_point) continue;
        double flop = flop_of(s, item, s->rungs - 1) * (double)s->options.n_seeds;
        add(&base, &(sum){(double)s->options.n_seeds, flop, flop * item->flop});
    }
    return base;
}

/* Settings that take part in a rung of a bracket of n. */
static int64_t members(const lm_sweep *s, int64_t n, int rung) {
    for (int i = 0; i < rung && s->options.halving > 0; i++)
        n = lm_max(n / s->options.halving, n > 0);
    return n;
}

/* ---- disk -------------------------------------------------------------------------------------*/

/* Bytes of the n settings with the largest checkpoints, at the end of a rung. */
static double largest(const costs *c, const lm_sweep *s, double n, int rung) {
    double bytes = 0;
    for (int64_t i = 0; i < c->count && n > 0; i++, n--) {
        const setting_cost *item = &c->items[i];
        double kept = s->rungs > 1 ? fmin(item->kept + rung, item->most_kept) : item->kept;
        bytes += fmin(n, 1) * item->checkpoint * kept * (double)s->options.n_seeds;
    }
    /* Those of later generations. */
    if (n > 0 && c->count > 0)
        bytes += n * c->items[0].checkpoint * c->items[0].most_kept * (double)s->options.n_seeds;
    return bytes;
}

/* Of the whole sweep, at its fullest. In the last rung a setting is decided when it is finished,
 * and what is not kept is deleted every ten seconds. Items are sorted by checkpoint. */
static double most_disk(const costs *c, const lm_sweep *s, int at_once, double trial_seconds) {
    int64_t first, end;
    double most = 0, base = 0, writing = 0;
    double keep = (double)s->options.keep, seeds = (double)s->options.n_seeds;
    lm_plan_bracket(s, 0, &first, &end);
    if (c->count > 0) writing = c->items[0].checkpoint * at_once;
    if (s->first_point > 0) base = largest(c, s, 1, s->rungs - 1);
    for (int rung = 0; rung < s->rungs; rung++) {
        double n = (double)members(s, end - first, rung), alive = n;
        if (rung == s->rungs - 1 && s->rungs == 1) {
            double ended = at_once * (1 + ceil(10 / fmax(trial_seconds, 1e-3)));
            alive = fmin((double)s->n_points, keep + 1 + ended / seeds);
        } else if (lm_plan_brackets(s) > 1) {
            alive += keep;
        }
        most = fmax(most, largest(c, s, alive, rung));
    }
    return most + base + writing;
}

/* ---- the text ---------------------------------------------------------------------------------*/

static void put_sum(lm_text *out, const char *what, const sum *x, const costs *c) {
    char a[32], b[32];
    lm_text_say(out, "%-9s %.0f trial%s, %sFLOP, %s %s\n", what, x->trials,
                x->trials == 1 ? "" : "s", lm_text_count(a, sizeof a, x->flop),
                c->by_peak ? "at least" : "about", lm_line_duration(b, sizeof b, x->seconds));
}

static sum put_work(lm_text *out, const costs *c, const lm_sweep *s) {
    sum whole = of_base(c, s);
    char name[32];
    if (whole.trials > 0) put_sum(out, "base", &whole, c);
    for (int rung = 0; rung < s->rungs; rung++) {
        double n = 0;
        for (int64_t b = 0; b < lm_plan_brackets(s); b++) {
            int64_t first, end;
            lm_plan_bracket(s, b, &first, &end);
            n += (double)members(s, end - first, rung);
        }
        sum here = of_rung(c, s, n, rung);
        snprintf(name, sizeof name, "rung %d", rung + 1);
        if (s->rungs > 1) put_sum(out, name, &here, c);
        if (rung > 0) here.trials = 0; /* the same trials, which go on */
        add(&whole, &here);
    }
    put_sum(out, "sweep", &whole, c);
    lm_text_say(out,
                "          one trial after the other on %d thread%s, without evaluations and"
                " starts; by %s\n",
                c->first.threads, c->first.threads == 1 ? "" : "s",
                c->by_peak ? "this machine's peak, as a step takes too long to be measured here"
                           : "steps measured here");
    if (c->share < 0.9)
        lm_text_say(out,
                    "          this machine does other work, taken to go on: the threads had %.0f%%"
                    " of the time\n",
                    100 * c->share);
    return whole;
}

/* What is free, and what the sweep's trials already use. */
static double available_disk(const lm_sweep *s) {
    double bytes = (double)lm_limits_disk(s->options.dir);
    for (int64_t i = 0; i < s->n_trials && lm_file_exists(s->options.dir); i++) {
        char *dir = lm_trial_dir(s->options.dir, i);
        char *checkpoints = dir ? lm_file_join(dir, "checkpoints") : NULL;
        if (checkpoints && lm_file_exists(checkpoints))
            bytes += (double)lm_checkpoint_bytes(checkpoints);
        free(checkpoints);
        free(dir);
    }
    return bytes;
}

lm_status lm_sweep_cost(const lm_sweep *s, lm_text *out, lm_error *err) {
    costs c = {.share = 1};
    char need[32], have[32];
    lm_status status = take_all(&c, s, err);
    if (status != LM_OK) goto out;
    sum whole = put_work(out, &c, s);
    int at_once = s->options.parallel > 0 ? (int)s->options.parallel : lm_cpu_usable();
    qsort(c.items, (size_t)c.count, sizeof *c.items, by_checkpoint);
    double disk = most_disk(&c, s, at_once, whole.trials > 0 ? whole.seconds / whole.trials : 0);
    double available = available_disk(s);
    lm_text_say(out, "disk      at most %s of checkpoints at once, the largest %s\n",
                lm_text_bytes(need, sizeof need, disk),
                lm_text_bytes(have, sizeof have, c.count > 0 ? c.items[0].checkpoint : 0));
    if (disk > available)
        status = lm_error_set(err, LM_ERR_RUNTIME,
                              "%s: checkpoints of the sweep need up to %s of disk, %s are"
                              " available, counting what its trials already use: lower sweep.keep "
                              "or checkpoint.keep_last, draw fewer"
                              " points or choose another sweep.dir",
                              s->options.dir, lm_text_bytes(need, sizeof need, disk),
                              lm_text_bytes(have, sizeof have, available));
out:
    lm_setup_close(&c.first);
    lm_config_free(&c.first_config);
    free(c.items);
    return status;
}
