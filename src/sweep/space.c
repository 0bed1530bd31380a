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
    const lm_space_name *n = &s->space->names[means];
    if (n->dimension < 0) return n->base;
    const lm_dimension *d = &s->space->dimensions[n->dimension];
    const lm_value *v = &s->values[n->dimension];
    if (v->kind == LM_VALUE_NONE) return n->base; /* not given by this setting */
    if (!n->members) return *v;
    /* The value is one of the list's, with its text. What an object of a section or a group leaves
     * out is as the base has it. */
    for (int64_t j = 0; j < d->n_choices; j++)
        if (d->choices[j].text == v->text && (n->members[j].kind != LM_VALUE_NONE || d->key >= 0))
            return n->members[j];
    return n->base;
}

static lm_settled fail(const lm_space *s, size_t at, const char *path, const lm_expression *e,
                       const lm_value *values, const char *why, lm_error *err) {
    lm_text setting = {0};
    int line = 1, column = 1;
    lm_scan_advance(s->text, 0, at, &line, &column);
    lm_space_describe(s, values, false, &setting);
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

lm_status lm_dimension_check(const lm_dimension *d, const char *json, size_t size,
                             const char *place, lm_error *err) {
    lm_text override = {0};
    lm_text_printf(&override, "%s=", d->path);
    lm_text_append(&override, json, size);
    lm_status status = override.failed
                           ? lm_error_no_memory(err, place)
                           : lm_config_check_override(lm_text_cstr(&override), place, err);
    lm_text_free(&override);
    return status;
}

/* Of a key by its row; of a part as the config's reader says. */
static bool explain(const lm_dimension *d, const lm_value *v, char *why, size_t size) {
    lm_text takes = {0}, found = {0};
    lm_error err = {0};
    bool right = d->key >= 0 && suits(lm_key_at(d->key), v);
    lm_value_print(v, &found);
    if (d->key >= 0) {
        lm_key_describe(lm_key_at(d->key), &takes);
        snprintf(why, size, "expected %.150s, found %.100s", lm_text_cstr(&takes),
                 lm_text_cstr(&found));
    } else {
        right =
            lm_dimension_check(d, lm_text_cstr(&found), found.length, "its value", &err) == LM_OK;
        snprintf(why, size, "%.350s", err.message);
    }
    lm_text_free(&takes);
    lm_text_free(&found);
    return right;
}

static lm_settled compute(const lm_space *s, const lm_dimension *d, lm_value *values, lm_value *v,
                          lm_error *err) {
    settling context = {s, values};
    lm_expression_stop stop;
    char why[400];
    if (!lm_expression_evaluate(d->expression, look_up, &context, v, &stop))
        return fail(s, d->at, d->path, d->expression, values, stop.what, err);
    if (explain(d, v, why, sizeof why)) return LM_SETTLED;
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

lm_status lm_space_constants(const lm_space *s, lm_value *values, bool *any, lm_error *err) {
    lm_status status = LM_OK;
    *any = false;
    for (int i = 0; i < s->n_dimensions && status == LM_OK; i++) {
        const lm_dimension *d = &s->dimensions[i];
        values[i] = (lm_value){0};
        if (!d->constant) continue;
        *any = true;
        if (!d->expression)
            values[i] = d->choices[0];
        else if (compute(s, d, values, &values[i], err) != LM_SETTLED)
            status = LM_ERR_USAGE;
    }
    return status;
}

void lm_space_describe(const lm_space *s, const lm_value *values, bool constants, lm_text *out) {
    bool any = false;
    for (int i = 0; i < s->n_dimensions; i++) {
        if (values[i].kind == LM_VALUE_NONE || s->dimensions[i].constant != constants) continue;
        lm_text value = {0};
        lm_value_print(&values[i], &value);
        lm_text_say(out, "%s%s = %.200s", any ? ", " : "", s->dimensions[i].path,
                    lm_text_cstr(&value));
        lm_text_free(&value);
        any = true;
    }
    if (!any) lm_text_printf(out, "the base config%s", constants ? " as it is" : "");
}

void lm_space_reference(lm_text *out) {
    static const char *const rows[][2] = {
        {"[64, 128, 256]", "one of these values; so is `{\"choice\": [64, 128, 256]}`"},
        {"0.1", "this value, which the base run has too; so is `\"'lion'\"`, a string"},
        {"{\"uniform\": [0, 0.5]}", "a number of the range"},
        {"{\"log_uniform\": [1e-4, 1e-2]}", "a number of the range, each factor equally likely"},
        {"{\"integer\": [2, 8]}", "a whole number, both ends included"},
        {"{\"power_of_two\": [4, 64]}", "4, 8, 16, 32 or 64"},
        {"\"0.02 / sqrt(model.d_model / 64)\"",
         "what the expression comes to; so is `{\"expression\": \"...\"}`"},
        {"[{\"n_layers\": 2, \"d_model\": 128}, {\"n_layers\": 8, \"d_model\": 64}]",
         "of `model` or another section: values of several keys together"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        lm_text_printf(out, "| `%s` | %s |\n", rows[i][0], rows[i][1]);
}
