#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/length.h"
#include "base/message.h"
#include "base/numbers.h"
#include "config/parser.h"
#include "config/schedules.h"
#include "data/skips.h"
#include "dist/lanes.h"

enum { BUDGET_MOST = 60 };         /* bytes of train.budget: summary.json holds it */
enum { STEPS_STAND_IN = 1000000 }; /* while steps are not known: none is too late for them */

bool lm_parser_is_full(const lm_parser *p) {
    return p->problems.length > sizeof((lm_error *)0)->message;
}

void lm_parser_problem(lm_parser *p, const char *place, const char *format, ...) {
    char line[1024];
    va_list arguments;
    if (lm_parser_is_full(p)) {
        p->untold++;
        return;
    }
    va_start(arguments, format);
    lm_message_print(line, sizeof line, format, arguments);
    va_end(arguments);
    lm_text_say(&p->problems, "%-s%s: %s", p->problems.length ? "\n" : "", place, line);
    p->no_memory |= p->problems.failed;
}

static const lm_origin *origin_of(const lm_parser *p, const char *path) {
    return &p->origins[lm_key_find(path)];
}

/* Where the first of the keys that the line names was given; overrides go before the file. */
static const char *place_of_named(const lm_parser *p, const char *line, size_t length) {
    const char *best = NULL, *first = NULL;
    bool best_is_override = false;
    for (int key = 0; key < lm_key_count(); key++) {
        const char *place = p->origins[key].place, *path = lm_key_at(key)->path;
        const char *at = memmem(line, length, path, strlen(path));
        if (!at || !*place) continue;
        bool is_override = strncmp(place, "--set", 5) == 0;
        if (best && (is_override == best_is_override ? at > first : best_is_override)) continue;
        best = place;
        first = at;
        best_is_override = is_override;
    }
    return best ? best : p->name;
}

/* Keys of the model that the config leaves out are those of the model that it begins with, and not
 * known yet. */
static bool inherits_model(const lm_parser *p) {
    return !p->saved && p->config->run.init_from && *p->config->run.init_from;
}

/* Whether the model room accepts the model's options; its problems get places. */
static void check_model(lm_parser *p) {
    lm_model_options model = p->config->model;
    lm_error err = {0};
    for (int key = 0; key < lm_key_count(); key++)
        if (p->origins[key].wrong && strncmp(lm_key_at(key)->path, "model.", 6) == 0) return;
    p->config->document_token_given = *origin_of(p, "model.document_token")->place != '\0';
    /* The key's default is some token or other: the data may know it (train/open.c). */
    if (!p->config->document_token_given) model.document_mask = false;
    if (inherits_model(p) || lm_model_resolve(&model, &err) == LM_OK) return;
    for (const char *line = err.message; *line;) {
        size_t n = strcspn(line, "\n");
        lm_parser_problem(p, place_of_named(p, line, n), "%.*s", (int)n, line);
        line += n + (line[n] == '\n');
    }
}

/* A value for a key that is not given itself; `gives`: it counts as given then. */
static void apply_default(lm_parser *p, const char *path, const char *value, bool gives) {
    int key = lm_key_find(path);
    if (*p->origins[key].place) return;
    p->no_memory |= !lm_key_set_literal(lm_key_at(key), p->config, value);
    p->config->given[key] |= gives;
}

/* The values of the preset, and the defaults of the optimizer that was chosen. */
static void apply_defaults(lm_parser *p) {
    const char *optimizer = lm_optimizer_name(p->config->optimizer.kind);
    for (const lm_preset_row *r = lm_presets; r < lm_presets + lm_n_presets; r++)
        if (r->preset == p->config->preset) apply_default(p, r->path, r->value, true);
    for (const lm_optimizer_default *d = lm_optimizer_defaults;
         d < lm_optimizer_defaults + lm_n_optimizer_defaults; d++)
        if (strcmp(d->optimizer, optimizer) == 0) apply_default(p, d->path, d->value, false);
}

static void check_key(lm_parser *p, const lm_key *k, const lm_origin *origin) {
    if (!*origin->place) {
        if (k->required && !p->saved)
            lm_parser_problem(p, p->name, "%s: required, but not given", k->path);
        return;
    }
    if (k->required && !p->saved && !origin->wrong && lm_key_is_empty(k, p->config))
        lm_parser_problem(p, origin->place, "%s: expected a path, found an empty string", k->path);
    if (lm_key_applies(k, p->config)) return;
    if (inherits_model(p) && strncmp(k->path, "model.", 6) == 0) return;
    if (origin_of(p, k->depends)->wrong) return;
    if (k->depends_too && origin_of(p, k->depends_too)->wrong) return;
    lm_text why = {0};
    lm_parser_decided_by(p, k, &why);
    p->no_memory |= why.failed;
    lm_parser_problem(p, origin->place, "%s %-s", k->path, lm_text_cstr(&why));
    lm_text_free(&why);
}

static void check_keys(lm_parser *p) {
    for (int key = 0; key < lm_key_count(); key++) check_key(p, lm_key_at(key), &p->origins[key]);
}

/* The default warm-up is cut to a tenth of the run; one that is given must fit into the run. */
static void check_warmup(lm_parser *p) {
    lm_config *c = p->config;
    const lm_origin *warmup = origin_of(p, "schedule.warmup_steps");
    lm_schedule_default_warmup(&c->schedule.lr,
                               lm_min(c->schedule.warmup_steps, c->train.steps / 10));
    if (!*warmup->place) {
        c->schedule.warmup_steps = lm_min(c->schedule.warmup_steps, c->train.steps / 10);
    } else if (c->schedule.warmup_steps > c->train.steps && !warmup->wrong &&
               !c->train.steps_open && !origin_of(p, "train.steps")->wrong) {
        lm_parser_problem(p, warmup->place,
                          "schedule.warmup_steps = %lld is more than train.steps = %lld",
                          (long long)c->schedule.warmup_steps, (long long)c->train.steps);
    }
}

/* The value of a key of the batch, if it was given and is not 0. */
static bool is_given(const lm_parser *p, const char *path, int64_t value) {
    return *origin_of(p, path)->place && value > 0;
}

/* grad_accumulation says how train.batch and train.micro_batch follow from each other. */
static void apply_accumulation(lm_parser *p) {
    lm_train_options *t = &p->config->train;
    const char *path = "train.grad_accumulation", *place = origin_of(p, path)->place;
    bool micro = is_given(p, "train.micro_batch", t->micro_batch);
    long long batch = t->batch, accumulation = t->grad_accumulation;
    if (!micro && *origin_of(p, "train.micro_batch")->place)
        lm_parser_problem(
            p, place,
            "%s = %lld says how large a micro-batch is, train.micro_batch = 0 that the"
            " plan chooses it: leave one of them out",
            path, accumulation);
    else if (micro && batch != t->micro_batch * accumulation)
        lm_parser_problem(p, place,
                          "train.batch = %lld is not train.micro_batch = %lld times %s = %lld",
                          batch, (long long)t->micro_batch, path, accumulation);
    else if (batch % accumulation != 0)
        lm_parser_problem(p, place, "train.batch = %lld is not divisible by %s = %lld", batch, path,
                          accumulation);
    else
        t->micro_batch = batch / accumulation;
}

/* train.batch, where the config leaves it to the other keys. */
static void find_batch(lm_parser *p) {
    lm_train_options *t = &p->config->train;
    if (t->micro_batch == 0) {
        lm_parser_problem(p, origin_of(p, "train.micro_batch")->place,
                          "train.micro_batch = 0 lets the plan choose the micro-batch: it needs"
                          " train.batch");
        t->batch = 1;
        return;
    }
    t->batch = t->micro_batch * lm_max(t->grad_accumulation, 1);
    if (!lm_key_accepts_number(lm_key_at(lm_key_find("train.batch")), (double)t->batch))
        lm_parser_problem(p, origin_of(p, "train.grad_accumulation")->place,
                          "train.micro_batch = %lld times train.grad_accumulation = %lld is too"
                          " large",
                          (long long)t->micro_batch, (long long)t->grad_accumulation);
}

/* An override that gives `by` makes `path` moot, which the file gives: another way to say the
 * same. */
static void drop_other_way(lm_parser *p, const char *path, const char *by) {
    int key = lm_key_find(path);
    const lm_origin *o = &p->origins[key];
    lm_text why = {0};
    if (origin_of(p, by)->source == 0 || o->source > 0 || !*o->place) return;
    lm_text_printf(&why, "has no effect when %s is given", by);
    p->no_memory |= why.failed;
    lm_parser_note(p, o->place, path, lm_text_cstr(&why));
    lm_parser_drop(p, key);
    lm_text_free(&why);
}

/* train.steps, where the config gives a budget in its place. */
static void check_budget(lm_parser *p) {
    const unsigned units = LM_LENGTH_BIT(LM_LENGTH_SECONDS) | LM_LENGTH_BIT(LM_LENGTH_TOKENS) |
                           LM_LENGTH_BIT(LM_LENGTH_FLOPS);
    lm_train_options *t = &p->config->train;
    lm_length length;
    if (p->no_memory || !*t->budget) return;
    drop_other_way(p, "train.steps", "train.budget");
    drop_other_way(p, "train.budget", "train.steps");
    const lm_origin *budget = origin_of(p, "train.budget");
    if (!*budget->place) return;
    if (*origin_of(p, "train.steps")->place) {
        lm_parser_problem(p, budget->place,
                          "train.budget and train.steps (%s) are given: leave one of them out",
                          origin_of(p, "train.steps")->place);
        p->origins[lm_key_find("train.budget")].wrong = true; /* all is said */
    } else if (!lm_length_parse(t->budget, &length) || !lm_length_valid(&length, units) ||
               length.amount == 0 || strlen(t->budget) > BUDGET_MOST) {
        lm_text examples = {0};
        lm_length_describe(units, &examples);
        lm_parser_problem(p, budget->place, "train.budget: expected a length such as %s, found %s",
                          lm_text_cstr(&examples), t->budget);
        lm_text_free(&examples);
    }
    t->steps_open = p->budget_steps == 0;
    t->steps = t->steps_open ? STEPS_STAND_IN : p->budget_steps;
    if (t->steps_open) return;
    /* From here on train.steps says all. */
    p->config->given[lm_key_find("train.steps")] = true;
    p->config->given[lm_key_find("train.budget")] = false;
    p->origins[lm_key_find("train.budget")] = (lm_origin){0};
}

/* From here on, train.batch and train.micro_batch say all: the short form becomes 0. */
static void check_batch(lm_parser *p) {
    lm_train_options *t = &p->config->train;
    const char *const paths[] = {"train.batch", "train.micro_batch", "train.grad_accumulation"};
    for (int i = 0; i < 3; i++)
        if (origin_of(p, paths[i])->wrong) return;
    if (t->batch > 0 && t->grad_accumulation > 0) drop_other_way(p, paths[2], paths[0]);
    if (!is_given(p, paths[0], t->batch)) {
        find_batch(p);
    } else if (is_given(p, paths[2], t->grad_accumulation)) {
        apply_accumulation(p);
    } else if (!*origin_of(p, paths[1])->place) {
        t->micro_batch = 0;
    } else if (t->micro_batch > t->batch) {
        lm_parser_problem(p, origin_of(p, paths[1])->place,
                          "train.micro_batch = %lld is more than train.batch = %lld",
                          (long long)t->micro_batch, (long long)t->batch);
    }
    t->grad_accumulation = 0;
}

static void check_lanes(lm_parser *p) {
    const lm_train_options *t = &p->config->train;
    const lm_origin *origin = origin_of(p, "train.lanes");
    if (origin->wrong) return;
    if (!lm_lanes_valid(t->lanes))
        lm_parser_problem(p, origin->place, "train.lanes: expected a power of two, found %lld",
                          (long long)t->lanes);
    else if (t->batch % t->lanes != 0)
        lm_parser_problem(p, origin->place,
                          "train.batch = %lld is not divisible by train.lanes = %lld",
                          (long long)t->batch, (long long)t->lanes);
}

static void check_token_bytes(lm_parser *p) {
    const lm_origin *origin = origin_of(p, "data.token_bytes");
    int64_t bytes = p->config->data.token_bytes;
    if (bytes == 0 || bytes == 2 || bytes == 4 || origin->wrong) return;
    lm_parser_problem(p, origin->place, "data.token_bytes: expected 0, 2 or 4, found %lld",
                      (long long)bytes);
}

static void check_skip(lm_parser *p) {
    const lm_origin *origin = origin_of(p, "data.skip");
    lm_skips skips = {0};
    lm_text problem = {0};
    if (p->no_memory || origin->wrong) return;
    if (!lm_skips_parse(&skips, p->config->data.skip, &problem) && !problem.failed)
        lm_parser_problem(p, origin->place, "data.skip: %-s", lm_text_cstr(&problem));
    p->no_memory |= problem.failed;
    lm_text_free(&problem);
    lm_skips_free(&skips);
}

void lm_parser_check(lm_parser *p) {
    for (int key = 0; key < lm_key_count(); key++)
        p->config->given[key] = *p->origins[key].place != '\0';
    p->config->offsets_given = *origin_of(p, "data.offsets")->place != '\0';
    if (!p->saved) apply_defaults(p); /* what a checkpoint lacks, its preset did not set */
    check_budget(p);
    lm_parser_drop_moot(p);
    check_keys(p);
    check_warmup(p);
    size_t problems = p->problems.length;
    check_batch(p);
    if (p->problems.length == problems) check_lanes(p);
    check_token_bytes(p);
    check_skip(p);
    lm_parser_check_groups(p);
    lm_parser_check_schedules(p);
    check_model(p);
}
