/* lmtrain lr-find: the range test of the learning rate. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/probe.h"
#include "fit/range_test.h"
#include "view/braille.h"

enum { COLUMNS = 66, ROWS = 14 };

typedef struct request {
    const char *config;
    lm_option_texts set;
    lm_machine_options machine;
    double from, to;
    int64_t steps;
    bool json;
} request;

static const lm_option options[] = {
    {"config", "FILE", "the run config", LM_STORED(request, config), .required = true},
    {"set", "KEY.PATH=VALUE", "override a key of the config", LM_STORED(request, set),
     .overrides = true},
    {"from", "RATE", "the first learning rate", LM_STORED(request, from),
     .real = {.by_default = 1e-6, .least = 1e-12, .most = 1e3}},
    {"to", "RATE", "the last one, unless the loss rises to four times its least before",
     LM_STORED(request, to), .real = {.by_default = 1, .least = 1e-12, .most = 1e6}},
    {"steps", "N", "steps between them", LM_STORED(request, steps),
     .count = {.by_default = 200, .least = 20, .most = 100000}},
    LM_OPTION_RUN_THREADS(request, machine),
    LM_OPTION_CPU(request, machine),
    {"json", NULL, "print one JSON object", LM_STORED(request, json)},
    {0},
};

/* ---- the run ----------------------------------------------------------------------------------*/

/* No schedule but ours: the rates of all groups rise alike. */
static void set_rates(lm_trainer *t, lm_config *c, double factor) {
    for (int g = 0; g < t->groups.count; g++) t->groups.options[g].lr *= factor;
    c->optimizer.lr *= factor;
}

/* Rates and losses into *test, until the loss has left for good: that is what the test is for, and
 * no error. */
static lm_status raise_rates(const request *r, lm_trainer *t, lm_config *c, lm_range_test *test,
                             lm_error *err) {
    const double factor = pow(r->to / r->from, 1 / (double)(r->steps - 1));
    double average = 0, least = INFINITY;
    set_rates(t, c, r->from / c->optimizer.lr);
    c->train.spike_sigma = 0; /* the rise is what is looked for */
    for (int64_t i = 0; i < r->steps; i++) {
        lm_status status = lm_trainer_step(t, err);
        if (status == LM_ERR_DIVERGED) return LM_OK;
        if (status != LM_OK) return status;
        test->rates[i] = c->optimizer.lr;
        test->losses[i] = t->figures.loss;
        test->count = i + 1;
        double smoothed = lm_range_test_smooth(&average, i, t->figures.loss);
        least = fmin(least, smoothed);
        if (smoothed > 4 * least) return LM_OK;
        set_rates(t, c, factor);
    }
    return LM_OK;
}

static lm_status test_run(const request *r, lm_range_test *test, lm_error *err) {
    const lm_probe_of what = {
        .config = r->config, .set = &r->set, .steps = r->steps, .machine = &r->machine};
    lm_probe p;
    lm_status status = lm_probe_open(&p, &what, err);
    if (status == LM_OK) status = raise_rates(r, &p.trainer, &p.config, test, err);
    lm_probe_close(&p);
    return status;
}

/* ---- output -----------------------------------------------------------------------------------*/

/* Losses by the logarithm of the rate: dots, and the smoothed ones as a line. */
static void put_picture(const lm_range_test *t, lm_text *out) {
    const lm_look look = {.columns = COLUMNS, .rows = ROWS};
    const double width = 2 * COLUMNS - 1, height = 4 * ROWS - 1;
    double low = INFINITY, high = -INFINITY;
    lm_braille b = {0};
    for (int64_t i = 0; i < t->count; i++) low = fmin(low, fmin(t->losses[i], t->smoothed[i]));
    for (int64_t i = 0; i < t->count; i++) high = fmax(high, t->smoothed[i]);
    high = fmin(high, t->smoothed[0] + 0.5 * (t->smoothed[0] - low));
    if (!lm_braille_begin(&b, COLUMNS, ROWS) || !(high > low)) goto out;
    double span = log(t->rates[t->count - 1] / t->rates[0]);
    int x0 = 0, y0 = 0;
    for (int64_t i = 0; i < t->count; i++) {
        int x = (int)(width * log(t->rates[i] / t->rates[0]) / span);
        int y = (int)(height * fmin((high - t->smoothed[i]) / (high - low), 1));
        int dot = (int)(height * fmin((high - t->losses[i]) / (high - low), 1));
        if (i > 0) lm_braille_line(&b, 0, x0, y0, x, y);
        lm_braille_dot(&b, 0, x, dot);
        x0 = x;
        y0 = y;
    }
    for (int row = 0; row < ROWS; row++) {
        if (row == 0 || row == ROWS - 1)
            lm_text_printf(out, "%8.3f |", row == 0 ? high : low);
        else
            lm_text_printf(out, "         |");
        lm_braille_row(&b, row, &look, out);
        lm_text_printf(out, "\n");
    }
    lm_text_printf(out, "          %-8.0e%*.0e\n", t->rates[0], COLUMNS - 8,
                   t->rates[t->count - 1]);
out:
    lm_braille_free(&b);
}

static void put_text(const lm_range_test *t, const lm_range_verdict *v, lm_text *out) {
    put_picture(t, out);
    lm_text_say(out, "loss by learning rate over %" PRId64 " steps\n", t->count);
    lm_text_say(out, "falls fastest at   %.2g\n", v->steepest);
    lm_text_say(out, "is lowest at       %.2g%s\n", v->lowest,
                v->at_the_end ? ", where the test ends: raise --to" : "");
    if (v->fell)
        lm_text_say(out, "suggestion         optimizer.lr = %.2g\n", v->suggestion);
    else
        lm_text_say(out, "no suggestion: the loss hardly fell; take more --steps or other rates\n");
}

static void write_array(lm_json_writer *w, const char *name, const double *values, int64_t n) {
    lm_json_array(w, name, LM_JSON_LINE);
    for (int64_t i = 0; i < n; i++) lm_json_number(w, NULL, values[i]);
    lm_json_end(w);
}

static void put_json(const lm_range_test *t, const lm_range_verdict *v, lm_text *out) {
    lm_json_writer w = {.out = out};
    lm_json_object(&w, NULL, LM_JSON_LINES);
    lm_json_number(&w, "suggestion", v->fell ? v->suggestion : (double)NAN);
    lm_json_number(&w, "steepest", v->steepest);
    lm_json_number(&w, "lowest", v->lowest);
    lm_json_boolean(&w, "lowest_is_last", v->at_the_end);
    write_array(&w, "rates", t->rates, t->count);
    write_array(&w, "losses", t->losses, t->count);
    write_array(&w, "smoothed", t->smoothed, t->count);
    lm_json_end(&w);
    lm_text_append(out, "\n", 1);
}

static lm_status run(const void *given, lm_error *err) {
    const request *r = given;
    size_t n = (size_t)r->steps;
    lm_text out = {0};
    if (r->to <= r->from)
        return lm_error_set(err, LM_ERR_USAGE,
                            "lr-find: expected --from below --to, found %g and"
                            " %g",
                            r->from, r->to);
    double *room = calloc(3 * n, sizeof *room);
    if (!room) return lm_error_no_memory(err, NULL);
    lm_range_test test = {.rates = room, .losses = room + n, .smoothed = room + 2 * n};
    lm_status status = test_run(r, &test, err);
    if (status == LM_OK && test.count < 10)
        status = lm_error_set(err, LM_ERR_DIVERGED,
                              "lr-find: the loss left after %" PRId64 " steps: lower --from",
                              test.count);
    if (status == LM_OK) {
        lm_range_verdict v = lm_range_test_judge(&test);
        if (r->json)
            put_json(&test, &v, &out);
        else
            put_text(&test, &v, &out);
        status = lm_print(&out, err);
    }
    free(room);
    lm_text_free(&out);
    return status;
}

const lm_command lm_command_lr_find = {
    .name = "lr-find",
    .summary = "the range test: the loss while the learning rate rises, and a suggestion",
    .usage =
        "--config FILE [--from RATE] [--to RATE] [--steps N] [--set KEY.PATH=VALUE]... [--json]",
    .example = "  lmtrain lr-find --config run.json\n",
    .options = options,
    .size = sizeof(request),
    .run = run,
};
