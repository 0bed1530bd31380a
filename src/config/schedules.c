/* The keys of the section "schedule" that take objects: reading, checking, writing. */
#include "config/schedules.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "config/parser.h"

/* Of what the config does not say: Haegele et al. 2024, as for the short form. */
static const lm_schedule defaults = {
    .decay = {20, LM_LENGTH_PERCENT}, .decay_shape = 2, .power = 1.2};

typedef enum member {
    SHAPE,
    WARMUP,
    DECAY,
    DECAY_SHAPE,
    POWER,
    START,
    END,
    STAGES,
    MEMBERS
} member;
static const char *const names[MEMBERS + 1] = {"shape", "warmup", "decay", "decay_shape",
                                               "power", "start",  "end",   "stages"};

static bool gives(const lm_schedule *s, member m) {
    return s->members >> m & 1;
}

void lm_schedule_default_warmup(lm_schedule *s, int64_t steps) {
    if (s->given && !gives(s, WARMUP)) s->warmup = (lm_length){(double)steps, LM_LENGTH_STEPS};
}

/* ---- writing ----------------------------------------------------------------------------------*/

void lm_schedule_write_length(const lm_length *l, lm_json_writer *w, const char *name) {
    lm_text text = {0};
    lm_length_print(l, &text);
    if (l->unit == LM_LENGTH_STEPS)
        lm_json_number(w, name, l->amount);
    else
        lm_json_string(w, name, lm_text_cstr(&text));
    w->out->failed |= text.failed;
    lm_text_free(&text);
}

void lm_schedule_write(const lm_schedule *s, lm_json_writer *w, const char *name) {
    if (!s->given) {
        lm_json_string(w, name, NULL);
        return;
    }
    lm_json_object(w, name, LM_JSON_LINE);
    lm_json_string(w, names[SHAPE], lm_schedule_name(s->shape));
    if (gives(s, WARMUP)) lm_schedule_write_length(&s->warmup, w, names[WARMUP]);
    if (gives(s, DECAY)) lm_schedule_write_length(&s->decay, w, names[DECAY]);
    if (gives(s, DECAY_SHAPE)) lm_json_string(w, names[DECAY_SHAPE], lm_decay_name(s->decay_shape));
    if (gives(s, POWER)) lm_json_number(w, names[POWER], s->power);
    if (gives(s, START)) lm_json_number(w, names[START], s->start);
    if (gives(s, END)) lm_json_number(w, names[END], s->end);
    if (gives(s, STAGES)) {
        lm_json_array(w, names[STAGES], LM_JSON_LINE);
        for (int i = 0; i < s->n_stages; i++) {
            lm_json_array(w, NULL, LM_JSON_LINE);
            lm_schedule_write_length(&s->stages[i].at, w, NULL);
            lm_json_number(w, NULL, s->stages[i].value);
            lm_json_end(w);
        }
        lm_json_end(w);
    }
    lm_json_end(w);
}

/* Not as "enum", which says to whoever tries all choices of a key what they are. */
static void write_names(lm_json_writer *w, const char *key, const char *(*name)(int)) {
    lm_json_object(w, key, LM_JSON_LINE);
    lm_json_array(w, "anyOf", LM_JSON_LINE);
    for (int i = 0; name(i); i++) {
        lm_json_object(w, NULL, LM_JSON_LINE);
        lm_json_string(w, "const", name(i));
        lm_json_end(w);
    }
    lm_json_end(w);
    lm_json_end(w);
}

static void write_number(const lm_key *k, lm_json_writer *w, const char *key) {
    lm_json_object(w, key, LM_JSON_LINE);
    lm_json_string(w, "type", k->whole ? "integer" : "number");
    lm_json_number(w, "minimum", k->low);
    lm_json_number(w, "maximum", k->high);
    lm_json_end(w);
}

void lm_schedule_write_length_types(lm_json_writer *w) {
    lm_json_array(w, "type", LM_JSON_LINE);
    lm_json_string(w, NULL, "integer");
    lm_json_string(w, NULL, "string");
    lm_json_end(w);
}

static void write_length_type(lm_json_writer *w, const char *key) {
    lm_json_object(w, key, LM_JSON_LINE);
    lm_schedule_write_length_types(w);
    lm_json_end(w);
}

void lm_schedule_write_schema(const lm_key *k, lm_json_writer *w) {
    lm_json_array(w, "anyOf", LM_JSON_LINES);
    write_names(w, NULL, lm_schedule_short_name);
    lm_json_object(w, NULL, LM_JSON_LINES);
    lm_json_string(w, "type", "object");
    lm_json_boolean(w, "additionalProperties", false);
    lm_json_object(w, "properties", LM_JSON_LINES);
    write_names(w, names[SHAPE], lm_schedule_name);
    write_length_type(w, names[WARMUP]);
    write_length_type(w, names[DECAY]);
    write_names(w, names[DECAY_SHAPE], lm_decay_name);
    write_number(k, w, names[START]);
    write_number(k, w, names[END]);
    lm_json_object(w, names[POWER], LM_JSON_LINE);
    lm_json_string(w, "type", "number");
    lm_json_number(w, "exclusiveMinimum", 0);
    lm_json_number(w, "maximum", 100);
    lm_json_end(w);
    lm_json_object(w, names[STAGES], LM_JSON_LINE);
    lm_json_string(w, "type", "array");
    lm_json_integer(w, "minItems", 1);
    lm_json_integer(w, "maxItems", LM_SCHEDULE_STAGES_MOST);
    lm_json_end(w);
    lm_json_end(w);
    lm_json_end(w);
    lm_json_end(w);
}

/* ---- reading ----------------------------------------------------------------------------------*/

typedef struct reading {
    lm_parser *p;
    const lm_key *k;
    const char *place;
    lm_schedule *s;
    char path[160]; /* "schedule.lr.warmup" */
} reading;

static lm_schedule *schedule_at(const lm_key *k, lm_config *c) {
    return (lm_schedule *)(void *)((char *)c + k->offset);
}

static void refuse(const reading *r, const char *expected, const lm_json_node *value) {
    char found[LM_FOUND_SIZE];
    lm_parser_found(r->p, value, found);
    r->p->is_newer |= r->p->saved;
    r->p->origins[lm_key_find(r->k->path)].wrong = true;
    lm_parser_problem(r->p, r->place, "%s: expected %s, found %s", r->path, expected, found);
}

static bool take_length(const reading *r, const lm_json_node *value, lm_length *out) {
    lm_length l = {.unit = LM_LENGTH_STEPS, .amount = value->number};
    bool right = value->kind == LM_JSON_NUMBER ||
                 (value->kind == LM_JSON_STRING && lm_length_parse(value->string, &l));
    if (right && lm_length_valid(&l, LM_SCHEDULE_LENGTHS)) {
        *out = l;
        return true;
    }
    lm_text expected = {0};
    lm_text_printf(&expected, "a length such as ");
    lm_length_describe(LM_SCHEDULE_LENGTHS, &expected);
    r->p->no_memory |= expected.failed;
    refuse(r, lm_text_cstr(&expected), value);
    lm_text_free(&expected);
    return false;
}

static bool take_name(const reading *r, const lm_json_node *value, const char *(*name)(int),
                      int *out) {
    lm_text expected = {0};
    for (int i = 0; value->kind == LM_JSON_STRING && name(i); i++)
        if (strcmp(name(i), value->string) == 0) {
            *out = i;
            return true;
        }
    lm_text_printf(&expected, "one of: ");
    lm_text_list(&expected, name);
    r->p->no_memory |= expected.failed;
    refuse(r, lm_text_cstr(&expected), value);
    lm_text_free(&expected);
    return false;
}

/* A number from low to high, 0 itself not allowed where `above` is true. */
static bool take_number(const reading *r, const lm_json_node *value, double low, double high,
                        bool above, double *out) {
    const double x = value->number;
    char expected[96];
    if (value->kind == LM_JSON_NUMBER && x >= low && x <= high && !(above && x == low) &&
        (!r->k->whole || above || x == floor(x))) {
        *out = x;
        return true;
    }
    snprintf(expected, sizeof expected, "a %snumber %s %g%s %.10g",
             r->k->whole && !above ? "whole " : "", above ? "above" : "from", low,
             above ? ", at most" : " to", high);
    refuse(r, expected, value);
    return false;
}

static bool take_stages(const reading *r, const lm_json_node *value) {
    static const char expected[] = "a list of stages [[LENGTH, VALUE], ...]";
    lm_schedule *s = r->s;
    s->n_stages = 0;
    if (value->kind != LM_JSON_ARRAY || value->count == 0 ||
        value->count > LM_SCHEDULE_STAGES_MOST) {
        refuse(r, expected, value);
        return false;
    }
    for (const lm_json_node *e = value->child; e; e = e->next) {
        lm_schedule_stage *stage = &s->stages[s->n_stages];
        if (e->kind != LM_JSON_ARRAY || e->count != 2) {
            refuse(r, expected, e);
            return false;
        }
        if (!take_length(r, e->child, &stage->at) ||
            !take_number(r, e->child->next, r->k->low, r->k->high, false, &stage->value))
            return false;
        if (s->n_stages > 0 && stage->at.unit == stage[-1].at.unit &&
            stage->at.amount <= stage[-1].at.amount) {
            refuse(r, "a stage that begins after the one before it", e);
            return false;
        }
        s->n_stages++;
    }
    return true;
}

static const char *candidate(int i, const void *context) {
    (void)context;
    return names[i];
}

static bool take_value(const reading *r, member m, const lm_json_node *value) {
    lm_schedule *s = r->s;
    switch (m) {
    case SHAPE:
        return take_name(r, value, lm_schedule_name, &s->shape);
    case WARMUP:
        return take_length(r, value, &s->warmup);
    case DECAY:
        return take_length(r, value, &s->decay);
    case DECAY_SHAPE:
        return take_name(r, value, lm_decay_name, &s->decay_shape);
    case POWER:
        return take_number(r, value, 0, 100, true, &s->power);
    case START:
        return take_number(r, value, r->k->low, r->k->high, false, &s->start);
    case END:
        return take_number(r, value, r->k->low, r->k->high, false, &s->end);
    case STAGES:
        return take_stages(r, value);
    case MEMBERS:
        break;
    }
    return false;
}

static void take_member(reading *r, const char *name, const lm_json_node *value) {
    char near[LM_TEXT_SUGGESTION_SIZE];
    int m = 0;
    while (names[m] && strcmp(names[m], name) != 0) m++;
    snprintf(r->path, sizeof r->path, "%s.%.60s", r->k->path, name);
    if (m < MEMBERS) {
        if (!r->s->given) *r->s = defaults;
        r->s->given = true;
        if (take_value(r, (member)m, value)) r->s->members |= 1u << m;
    } else if (r->p->saved) {
        lm_parser_unknown(r->p, r->place, r->path);
    } else {
        lm_text_did_you_mean(near, lm_text_nearest(name, candidate, NULL));
        lm_parser_problem(r->p, r->place, "unknown key \"%s\"%s", r->path, near);
    }
}

void lm_parser_schedule(lm_parser *p, const lm_key *k, const char *below, const char *place,
                        const lm_json_node *value) {
    char at[LM_PLACE_SIZE];
    reading r = {.p = p, .k = k, .place = place, .s = schedule_at(k, p->config)};
    if (*below) {
        take_member(&r, below, value);
        return;
    }
    snprintf(r.path, sizeof r.path, "%s", k->path);
    *r.s = defaults;
    r.s->given = true;
    if (value->kind == LM_JSON_STRING) {
        if (take_name(&r, value, lm_schedule_short_name, &r.s->shape)) r.s->members = 1u << SHAPE;
    } else if (value->kind == LM_JSON_OBJECT) {
        for (const lm_json_node *m = value->child; m; m = m->next) {
            lm_parser_place(p, m->at, at);
            r.place = at;
            take_member(&r, m->key, m);
        }
    } else {
        refuse(&r, "an object {\"shape\": ..., ...} or the name of a shape", value);
    }
}

/* ---- checking ---------------------------------------------------------------------------------*/

/* In steps, as far as that can be told before the data is known; 0 for tokens. */
static double steps_of(const lm_length *l, const lm_config *c) {
    return l->unit == LM_LENGTH_STEPS     ? l->amount
           : l->unit == LM_LENGTH_PERCENT ? l->amount / 100 * (double)c->train.steps
                                          : 0;
}

/* Members that have no effect beside the others, and those that are missing. */
static void check_members(lm_parser *p, const lm_key *k, const char *place, const lm_schedule *s) {
    const bool decays = lm_schedule_has_decay(s->shape), values = k->scale == LM_SCHEDULE_VALUES;
    const bool effect[MEMBERS] = {
        [SHAPE] = true,
        [WARMUP] = true,
        [DECAY] = decays,
        [DECAY_SHAPE] = decays,
        [POWER] = decays && lm_decay_has_power(s->decay_shape),
        [START] = s->warmup.amount > 0,
        [END] = lm_schedule_has_end(s->shape),
        [STAGES] = lm_schedule_has_stages(s->shape),
    };
    for (int m = 0; m < MEMBERS; m++)
        if (gives(s, (member)m) && !effect[m])
            lm_parser_problem(p, place, "%s.%s has no effect %s", k->path, names[m],
                              m == START   ? "without a warmup"
                              : m == POWER ? "with another decay_shape than power"
                                           : "with this shape");
    if (effect[STAGES] && s->n_stages == 0)
        lm_parser_problem(p, place, "%s: the shape stages needs \"stages\"", k->path);
    if (values && effect[START] && !gives(s, START))
        lm_parser_problem(p, place, "%s: a warmup needs a \"start\"", k->path);
    if (values && effect[END] && !gives(s, END))
        lm_parser_problem(p, place, "%s: this shape needs an \"end\"", k->path);
}

/* The largest value that the schedule itself names. */
static double largest(const lm_schedule *s) {
    double most = 0;
    if (gives(s, START)) most = s->start;
    if (gives(s, END)) most = fmax(most, s->end);
    for (int i = 0; i < s->n_stages; i++) most = fmax(most, s->stages[i].value);
    return most;
}

/* The tokens of a run follow from its batches: a fall to their end would go round in a circle. */
static void check_batch_units(lm_parser *p, const lm_key *k, const char *place,
                              const lm_schedule *s) {
    bool decay = lm_schedule_has_decay(s->shape) && s->decay.unit == LM_LENGTH_TOKENS;
    bool warmup = lm_schedule_has_end(s->shape) && s->warmup.unit == LM_LENGTH_TOKENS;
    if (s == &p->config->schedule.batch && (decay || warmup))
        lm_parser_problem(p, place,
                          "%s: with this shape lengths cannot be tokens, whose number at the end"
                          " of the run follows from the batches: give them in steps or percent",
                          k->path);
}

static void check_top(lm_parser *p, const lm_key *k, const char *place, const lm_schedule *s) {
    const lm_config *c = p->config;
    const int64_t window = c->model.window > 0 ? c->model.window : c->model.context_length;
    if (s == &c->schedule.batch && largest(s) > (double)c->train.batch)
        lm_parser_problem(p, place,
                          "%s: %.0f windows are more than train.batch = %lld, the most that a step"
                          " takes",
                          k->path, largest(s), (long long)c->train.batch);
    if (s == &c->schedule.window && largest(s) > (double)window)
        lm_parser_problem(p, place, "%s: %.0f tokens are more than %s = %lld", k->path, largest(s),
                          c->model.window > 0 ? "model.window" : "model.context_length",
                          (long long)window);
}

void lm_parser_check_schedules(lm_parser *p) {
    lm_config *c = p->config;
    const lm_section *section = lm_section_find("schedule");
    for (const lm_key *k = section->keys; k < section->keys + section->n_keys; k++) {
        if (k->type != LM_KEY_SCHEDULE) continue;
        lm_schedule *s = schedule_at(k, c);
        const lm_origin *origin = &p->origins[lm_key_find(k->path)];
        const char *place = *origin->place ? origin->place : p->name;
        if (!s->given || origin->wrong) continue;
        if (gives(s, STAGES) && !gives(s, SHAPE))
            while (!lm_schedule_has_stages(s->shape)) s->shape++;
        check_members(p, k, place, s);
        check_top(p, k, place, s);
        check_batch_units(p, k, place, s);
        double both = steps_of(&s->warmup, c) +
                      (lm_schedule_has_decay(s->shape) ? steps_of(&s->decay, c) : 0);
        if (both > (double)c->train.steps)
            lm_parser_problem(p, place,
                              "%s: warmup and decay take %.0f steps, more than"
                              " train.steps = %lld",
                              k->path, both, (long long)c->train.steps);
    }
}
