#include "sweep/space.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/elementary.h"
#include "config/keys.h"
#include "config/scan.h"

/* ---- values of a dimension --------------------------------------------------------------------*/

static lm_value number(double x) {
    return (lm_value){.kind = LM_VALUE_NUMBER, .number = x};
}

static int exponent_of(double power) {
    int exponent;
    frexp(power, &exponent);
    return exponent - 1;
}

int64_t lm_dimension_count(const lm_dimension *d) {
    switch (d->kind) {
    case LM_DIMENSION_LIST:
        return d->n_choices;
    case LM_DIMENSION_INTEGER:
        return (int64_t)(d->high - d->low) + 1;
    case LM_DIMENSION_POWER_OF_TWO:
        return exponent_of(d->high) - exponent_of(d->low) + 1;
    case LM_DIMENSION_EXPRESSION:
        return 1;
    default:
        return 0;
    }
}

/* Five digits, and inside of the range, whose ends may have more. */
static double readable(const lm_dimension *d, double x) {
    char text[32];
    snprintf(text, sizeof text, "%.4e", x);
    return fmin(fmax(strtod(text, NULL), d->low), d->high);
}

/* The place t of a range, 0 <= t <= 1. */
static double range_at(const lm_dimension *d, double t) {
    if (d->kind == LM_DIMENSION_UNIFORM) return readable(d, d->low + t * (d->high - d->low));
    double low = lm_log(d->low), high = lm_log(d->high);
    return readable(d, lm_exp(low + t * (high - low)));
}

lm_value lm_dimension_level(const lm_dimension *d, int64_t i) {
    switch (d->kind) {
    case LM_DIMENSION_LIST:
        return d->choices[i];
    case LM_DIMENSION_INTEGER:
        return number(d->low + (double)i);
    case LM_DIMENSION_POWER_OF_TWO:
        return number(ldexp(d->low, (int)i));
    case LM_DIMENSION_EXPRESSION:
        return (lm_value){0};
    default:
        break;
    }
    return number(range_at(d, d->levels > 1 ? (double)i / (double)(d->levels - 1) : 0.5));
}

lm_value lm_dimension_value(const lm_dimension *d, double u) {
    int64_t n = lm_dimension_count(d);
    return n > 0 ? lm_dimension_level(d, (int64_t)(u * (double)n)) : number(range_at(d, u));
}

/* ---- a setting --------------------------------------------------------------------------------*/

typedef struct settling {
    const lm_space *space;
    const lm_value *values;
} settling;

static lm_value look_up(const void *context, int means) {
    const settling *s = context;
    if (means < 0) return s->space->base[-1 - means];
    if (s->values[means].kind != LM_VALUE_NONE) return s->values[means];
    /* Not given by this setting: as the base has it, which may not be known. */
    return s->space->base[s->space->dimensions[means].key];
}

static lm_settled fail(const lm_space *s, size_t at, const char *path, const lm_expression *e,
                       const lm_value *values, const char *why, lm_error *err) {
    lm_text setting = {0};
    int line = 1, column = 1;
    lm_scan_advance(s->text, 0, at, &line, &column);
    lm_space_describe(s, values, &setting);
    lm_error_set(err, LM_ERR_USAGE, "%s:%d:%d: %s: \"%s\": %s, for %-s", s->file, line, column,
                 path, e->text, why, lm_text_cstr(&setting));
    lm_text_free(&setting);
    return LM_SETTLED_ERROR;
}

/* The truth of a condition. */
static lm_settled ask(const lm_space *s, const lm_expression *e, size_t at, const char *path,
                      const lm_value *values, bool *holds, lm_error *err) {
    settling context = {s, values};
    lm_expression_stop stop;
    lm_value v;
    if (!lm_expression_evaluate(e, look_up, &context, &v, &stop))
        return fail(s, at, path, e, values, stop.what, err);
    if (v.kind != LM_VALUE_BOOLEAN)
        return fail(s, at, path, e, values, "expected true or false", err);
    *holds = v.number != 0;
    return LM_SETTLED;
}

/* Does the result of an expression suit its key? */
static bool suits(const lm_key *k, const lm_value *v) {
    switch (k->type) {
    case LM_KEY_INTEGER:
    case LM_KEY_REAL:
        return v->kind == LM_VALUE_NUMBER && lm_key_accepts_number(k, v->number);
    case LM_KEY_BOOLEAN:
        return v->kind == LM_VALUE_BOOLEAN;
    case LM_KEY_CHOICE:
        return v->kind == LM_VALUE_STRING && lm_key_choice(k, v->text) >= 0;
    default:
        return v->kind == LM_VALUE_STRING;
    }
}

static lm_settled compute(const lm_space *s, const lm_dimension *d, lm_value *values, lm_value *v,
                          lm_error *err) {
    settling context = {s, values};
    lm_expression_stop stop;
    char why[400];
    if (!lm_expression_evaluate(d->expression, look_up, &context, v, &stop))
        return fail(s, d->at, d->path, d->expression, values, stop.what, err);
    if (suits(lm_key_at(d->key), v)) return LM_SETTLED;
    lm_text takes = {0}, found = {0};
    lm_key_describe(lm_key_at(d->key), &takes);
    lm_value_print(v, &found);
    snprintf(why, sizeof why, "expected %.150s, found %.100s", lm_text_cstr(&takes),
             lm_text_cstr(&found));
    lm_text_free(&takes);
    lm_text_free(&found);
    *v = (lm_value){0};
    return fail(s, d->at, d->path, d->expression, values, why, err);
}

lm_settled lm_space_settle(const lm_space *s, lm_value *values, int *which, lm_error *err) {
    lm_settled settled = LM_SETTLED;
    for (int i = 0; i < s->n_dimensions; i++)
        if (s->dimensions[i].expression) values[i] = (lm_value){0};
    for (int n = 0; n < s->n_dimensions && settled == LM_SETTLED; n++) {
        const lm_dimension *d = &s->dimensions[s->order[n]];
        lm_value *v = &values[s->order[n]];
        bool given = true;
        if (d->when) settled = ask(s, d->when, d->when_at, d->path, values, &given, err);
        if (settled != LM_SETTLED) break;
        if (!given)
            *v = (lm_value){0};
        else if (d->expression)
            settled = compute(s, d, values, v, err);
    }
    for (int i = 0; i < s->n_constraints && settled == LM_SETTLED; i++) {
        const lm_constraint *c = &s->constraints[i];
        bool holds = true;
        settled = ask(s, c->expression, c->at, "constraints", values, &holds, err);
        *which = i;
        if (settled == LM_SETTLED && !holds) return LM_SETTLED_BROKEN;
    }
    return settled;
}

void lm_space_describe(const lm_space *s, const lm_value *values, lm_text *out) {
    bool any = false;
    for (int i = 0; i < s->n_dimensions; i++) {
        if (values[i].kind == LM_VALUE_NONE) continue;
        lm_text value = {0};
        lm_value_print(&values[i], &value);
        lm_text_say(out, "%s%s = %.200s", any ? ", " : "", s->dimensions[i].path,
                    lm_text_cstr(&value));
        lm_text_free(&value);
        any = true;
    }
    if (!any) lm_text_printf(out, "the base config as it is");
}

void lm_space_reference(lm_text *out) {
    static const char *const rows[][2] = {
        {"[64, 128, 256]", "one of these values; so is `{\"choice\": [64, 128, 256]}`"},
        {"0.1", "this value"},
        {"{\"uniform\": [0, 0.5]}", "a number of the range"},
        {"{\"log_uniform\": [1e-4, 1e-2]}", "a number of the range, each factor equally likely"},
        {"{\"integer\": [2, 8]}", "a whole number, both ends included"},
        {"{\"power_of_two\": [4, 64]}", "4, 8, 16, 32 or 64"},
        {"\"0.02 / sqrt(model.d_model / 64)\"",
         "what the expression comes to; so is `{\"expression\": \"...\"}`"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        lm_text_printf(out, "| `%s` | %s |\n", rows[i][0], rows[i][1]);
}
