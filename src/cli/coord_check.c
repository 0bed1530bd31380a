/* lmtrain coord-check: do the first steps change a model's activations by as much at every width
 * and depth? Only then is the learning rate that is best for a small model best for a large one
 * (Yang et al. 2022). */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/numbers.h"
#include "cli/coordinates.h"
#include "view/powers.h"

typedef struct request {
    const char *config;
    lm_option_texts set;
    lm_machine_options machine;
    const char *widths, *depths, *svg;
    int64_t steps, seeds;
    double tolerance;
    bool wider_heads, json;
} request;

static const lm_option options[] = {
    {"config", "FILE", "the run config", LM_STORED(request, config), .required = true},
    {"set", "KEY.PATH=VALUE", "override a key of the config", LM_STORED(request, set),
     .overrides = true},
    {"widths", "D,D,...",
     "values of model.d_model (default: 1, 2, 4 and 8 times model.base_d_model, or of what the"
     " config's own may be halved to)",
     LM_STORED(request, widths)},
    {"depths", "L,L,...",
     "values of model.n_layers, at the least width (default: with completep 1, 2, 4 and 8 times"
     " model.base_n_layers, else none)",
     LM_STORED(request, depths)},
    {"wider-heads", NULL, "keep the number of heads over widths; otherwise they keep their width",
     LM_STORED(request, wider_heads)},
    {"steps", "N", "steps of each model, at optimizer.lr", LM_STORED(request, steps),
     .count = {.by_default = 8, .least = 1, .most = 1000}},
    {"seeds", "N", "initial weights of each size, over which changes are averaged",
     LM_STORED(request, seeds), .count = {.by_default = 4, .least = 1, .most = 100}},
    {"tolerance", "S",
     "the check passes when all slopes are from -S to S; scores and logits may fall by -0.5 - S "
     "over"
     " widths, as their random part does",
     LM_STORED(request, tolerance), .real = {.by_default = 0.2, .least = 0.01, .most = 10}},
    {"svg", "FILE", "write the changes over widths and depths as a picture too",
     LM_STORED(request, svg)},
    LM_OPTION_RUN_THREADS(request, machine),
    LM_OPTION_CPU(request, machine),
    {"json", NULL, "print one JSON object", LM_STORED(request, json)},
    {0},
};

/* Over widths, over depths. */
typedef struct checks {
    lm_coordinates items[2];
    int count;
} checks;

/* ---- the verdict ------------------------------------------------------------------------------*/

/* The part of scores and logits that stems from random initial weights falls with the root of the
 * width, so that they alone may fall by so much. */
static double least_of(const request *r, const lm_coordinates *c, int64_t kind) {
    const bool falls = !c->deep && kind >= c->kinds - 2;
    return (falls ? -0.5 : 0) - r->tolerance;
}

static bool passes(const request *r, const lm_coordinates *c, int64_t kind) {
    const double slope = lm_coordinates_slope(c, kind);
    return slope >= least_of(r, c, kind) && slope <= r->tolerance;
}

/* LM_OK, or what fails first. */
static lm_status judge(const request *r, const checks *all, lm_error *err) {
    int failed = 0, count = 0;
    for (int i = 0; i < all->count; i++)
        for (int64_t k = 0; k < all->items[i].kinds; k++, count++)
            failed += !passes(r, &all->items[i], k);
    for (int i = 0; i < all->count; i++)
        for (int64_t k = 0; k < all->items[i].kinds; k++) {
            const lm_coordinates *c = &all->items[i];
            if (passes(r, c, k)) continue;
            return lm_error_set(err, LM_ERR_RUNTIME,
                                "coord-check: %d of %d slopes fail, the first of them %s over %s:"
                                " %+.2f is not from %+.2f to %+.2f",
                                failed, count, c->names[k], c->deep ? "n_layers" : "d_model",
                                lm_plain_nan(lm_coordinates_slope(c, k)), least_of(r, c, k),
                                r->tolerance);
        }
    return LM_OK;
}

/* ---- output -----------------------------------------------------------------------------------*/

static void put_check(const request *r, const lm_coordinates *c, lm_text *out) {
    lm_text_say(out, "changes after %" PRId64 " steps of models with %s = %" PRId64 "\n", c->steps,
                c->deep ? "d_model" : "n_layers", c->other);
    lm_text_printf(out, "%-12s", c->deep ? "n_layers" : "d_model");
    for (int64_t i = 0; i < c->n; i++) lm_text_printf(out, "%10" PRId64, c->values[i]);
    lm_text_printf(out, "%10s\n", "slope");
    for (int64_t k = 0; k < c->kinds; k++) {
        const double *change = lm_coordinates_at(c, k, c->steps);
        lm_text_printf(out, "%-12s", c->names[k]);
        for (int64_t i = 0; i < c->n; i++) lm_text_printf(out, "%10.3g", change[i]);
        lm_text_printf(out, "%+10.2f%s\n", lm_plain_nan(lm_coordinates_slope(c, k)),
                       passes(r, c, k) ? "" : "  fails");
    }
}

static void write_numbers(lm_json_writer *w, const char *name, const double *x, int64_t n) {
    lm_json_array(w, name, LM_JSON_LINE);
    for (int64_t i = 0; i < n; i++) lm_json_number(w, NULL, x[i]);
    lm_json_end(w);
}

static void write_check(lm_json_writer *w, const request *r, const lm_coordinates *c) {
    lm_json_object(w, c->deep ? "depths" : "widths", LM_JSON_LINES);
    lm_json_array(w, c->deep ? "n_layers" : "d_model", LM_JSON_LINE);
    for (int64_t i = 0; i < c->n; i++) lm_json_integer(w, NULL, c->values[i]);
    lm_json_end(w);
    lm_json_integer(w, c->deep ? "d_model" : "n_layers", c->other);
    lm_json_array(w, "activations", LM_JSON_LINES);
    for (int64_t k = 0; k < c->kinds; k++) {
        lm_json_object(w, NULL, LM_JSON_LINES);
        lm_json_string(w, "name", c->names[k]);
        lm_json_number(w, "slope", lm_coordinates_slope(c, k));
        lm_json_boolean(w, "passes", passes(r, c, k));
        write_numbers(w, "size", lm_coordinates_at(c, k, 0), c->n);
        lm_json_array(w, "changes", LM_JSON_LINES);
        for (int64_t step = 1; step <= c->steps; step++)
            write_numbers(w, NULL, lm_coordinates_at(c, k, step), c->n);
        lm_json_end(w);
        lm_json_end(w);
    }
    lm_json_end(w);
    lm_json_end(w);
}

static void put_json(const request *r, const checks *all, lm_text *out) {
    lm_json_writer w = {.out = out};
    lm_json_object(&w, NULL, LM_JSON_LINES);
    lm_json_boolean(&w, "passes", judge(r, all, &(lm_error){0}) == LM_OK);
    lm_json_integer(&w, "steps", r->steps);
    lm_json_number(&w, "tolerance", r->tolerance);
    for (int i = 0; i < all->count; i++) write_check(&w, r, &all->items[i]);
    lm_json_end(&w);
    lm_text_append(out, "\n", 1);
}

/* lines: room for those of all panels. */
static void put_picture(const checks *all, lm_power_line *lines, double x[2][LM_COORDINATES_MOST],
                        lm_text *out) {
    lm_power_panel panels[2];
    for (int i = 0; i < all->count; i++) {
        const lm_coordinates *c = &all->items[i];
        panels[i] = (lm_power_panel){.title = c->deep ? "change of activations over depths"
                                                      : "change of activations over widths",
                                     .unit = c->deep ? "n_layers" : "d_model",
                                     .n = c->n,
                                     .x = x[i],
                                     .count = c->kinds,
                                     .lines = lines};
        for (int64_t j = 0; j < c->n; j++) x[i][j] = (double)c->values[j];
        for (int64_t k = 0; k < c->kinds; k++)
            *lines++ = (lm_power_line){.label = c->names[k],
                                       .slope = lm_coordinates_slope(c, k),
                                       .y = lm_coordinates_at(c, k, c->steps)};
    }
    lm_powers_svg(panels, all->count, out);
}

static lm_status write_picture(const char *path, const checks *all, lm_error *err) {
    double x[2][LM_COORDINATES_MOST];
    size_t count = 0;
    lm_text text = {0};
    for (int i = 0; i < all->count; i++) count += (size_t)all->items[i].kinds;
    lm_power_line *lines = calloc(count, sizeof *lines);
    if (!lines) return lm_error_no_memory(err, path);
    put_picture(all, lines, x, &text);
    lm_status status = text.failed ? lm_error_no_memory(err, path)
                                   : lm_file_replace(path, lm_text_cstr(&text), text.length, err);
    lm_text_free(&text);
    free(lines);
    return status;
}

/* ---- the command ------------------------------------------------------------------------------*/

/* Over depths only where the parametrization promises something, or when they are given. */
static lm_status plan(const request *r, const lm_coordinates_how *how, checks *all, lm_error *err) {
    bool deep = false;
    lm_status status = lm_coordinates_plan(&all->items[0], how, false, r->widths, err);
    all->count = 1;
    if (status == LM_OK) status = lm_coordinates_promise_depth(how, &deep, err);
    if (status != LM_OK || (!deep && !r->depths)) return status;
    all->count = 2;
    return lm_coordinates_plan(&all->items[1], how, true, r->depths, err);
}

static lm_status run(const void *given, lm_error *err) {
    const request *r = given;
    const lm_coordinates_how how = {.config = r->config,
                                    .set = &r->set,
                                    .machine = &r->machine,
                                    .steps = r->steps,
                                    .seeds = r->seeds,
                                    .wider_heads = r->wider_heads};
    checks all = {0};
    lm_text out = {0};
    lm_status status = r->svg ? lm_powers_check(r->svg, err) : LM_OK;
    if (status == LM_OK) status = plan(r, &how, &all, err);
    for (int i = 0; i < all.count && status == LM_OK; i++)
        status = lm_coordinates_measure(&all.items[i], &how, err);
    if (status != LM_OK) goto out;
    for (int i = 0; i < all.count && !r->json; i++) put_check(r, &all.items[i], &out);
    if (r->json) put_json(r, &all, &out);
    if ((status = lm_print(&out, err)) != LM_OK) goto out;
    if (r->svg && (status = write_picture(r->svg, &all, err)) != LM_OK) goto out;
    status = judge(r, &all, err);
out:
    for (int i = 0; i < all.count; i++) lm_coordinates_free(&all.items[i]);
    lm_text_free(&out);
    return status;
}

const lm_command lm_command_coord_check = {
    .name = "coord-check",
    .summary =
        "do activations change alike at every width and depth, so that a learning rate transfers",
    .usage = "--config FILE [--widths D,D,...] [--depths L,L,...] [--steps N]"
             " [--set KEY.PATH=VALUE]...",
    .example = "  lmtrain coord-check --config run.json --set model.parametrization=mup\n",
    .options = options,
    .size = sizeof(request),
    .run = run,
};
