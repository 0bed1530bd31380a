#include "optim/schedule.h"

#include <math.h>
#include <stddef.h>

#include "base/elementary.h"
#include "base/error.h"

#define PI 3.141592653589793

/* ---- what is left of a decay, after a share x of it -------------------------------------------*/

static double left_linear(double x, double power) {
    (void)power;
    return 1 - x;
}
static double left_cosine(double x, double power) {
    (void)power;
    return 0.5 * (1 + lm_cos(PI * x));
}
static double left_sqrt(double x, double power) {
    (void)power;
    return 1 - sqrt(x);
}
static double left_power(double x, double power) {
    return x < 1 ? lm_pow(1 - x, power) : 0;
}

static const struct {
    const char *name;
    double (*left)(double x, double power);
    bool has_power;
} decays[] = {
    {"linear", left_linear, false},
    {"cosine", left_cosine, false},
    {"1-sqrt", left_sqrt, false},
    {"power", left_power, true},
};
enum { DECAYS = sizeof decays / sizeof *decays };

const char *lm_decay_name(int decay_shape) {
    return decay_shape >= 0 && decay_shape < DECAYS ? decays[decay_shape].name : NULL;
}

bool lm_decay_has_power(int decay_shape) {
    LM_ASSERT(lm_decay_name(decay_shape));
    return decays[decay_shape].has_power;
}

/* ---- time -------------------------------------------------------------------------------------*/

/* A length in the unit in which it is measured: tokens, or steps. */
static double size_of(const lm_length *l, const lm_schedule_time *t) {
    if (l->unit != LM_LENGTH_PERCENT) return l->amount;
    return floor(l->amount / 100 * (double)t->steps + 0.5);
}
/* In the same unit: what was done with this step, before it, and will be done in the run. */
static double done_of(const lm_length *l, const lm_schedule_time *t) {
    return l->unit == LM_LENGTH_TOKENS ? t->after : (double)t->step;
}
static double before_of(const lm_length *l, const lm_schedule_time *t) {
    return l->unit == LM_LENGTH_TOKENS ? t->before : (double)(t->step - 1);
}
static double whole_of(const lm_length *l, const lm_schedule_time *t) {
    return l->unit == LM_LENGTH_TOKENS ? t->tokens : (double)t->steps;
}

bool lm_schedule_begun(const lm_length *at, const lm_schedule_time *t) {
    return before_of(at, t) >= size_of(at, t);
}

/* The share of the way from the end of the warm-up to the end of the run, in [0, 1]. */
static double way_done(const lm_schedule *s, const lm_schedule_time *t) {
    double warmup = size_of(&s->warmup, t), way = whole_of(&s->warmup, t) - warmup;
    double done = way > 0 ? (done_of(&s->warmup, t) - warmup) / way : 1;
    return done > 1 ? 1 : done;
}

/* ---- shapes -----------------------------------------------------------------------------------*/

/* A value behind the warm-up: of top 1 and the end `min`, or between top and end. */
typedef struct level {
    const lm_schedule *s;
    const lm_schedule_time *t;
    double top, end;
} level;

static double constant(const level *l) {
    return l->top;
}

/* Loshchilov & Hutter 2017, eq. 5, without restarts. */
static double cosine(const level *l) {
    return l->end + (l->top - l->end) * 0.5 * (1 + lm_cos(PI * way_done(l->s, l->t)));
}

static double linear(const level *l) {
    return l->top - (l->top - l->end) * way_done(l->s, l->t);
}

/* From `from` at the begin of the decay to the end of the run; before it, `stable`. */
static double with_decay(const level *l, double stable, double from) {
    const lm_length *length = &l->s->decay;
    double size = size_of(length, l->t), left = whole_of(length, l->t) - done_of(length, l->t);
    if (size <= 0 || left >= size) return stable;
    double x = left > 0 ? 1 - left / size : 1;
    return l->end + (from - l->end) * decays[l->s->decay_shape].left(x, l->s->power);
}

static double wsd(const level *l) {
    return with_decay(l, l->top, l->top);
}

/* The step at which the decay begins, by the unit of the warm-up as far as the run is even. */
static double inverse_sqrt(const level *l) {
    const lm_length *warmup = &l->s->warmup;
    double whole = whole_of(warmup, l->t), w = fmax(size_of(warmup, l->t), 1);
    double decay = size_of(&l->s->decay, l->t) / whole_of(&l->s->decay, l->t) * whole;
    double begin = fmax(whole - decay, w);
    return with_decay(l, l->top * sqrt(w / fmax(done_of(warmup, l->t), w)),
                      l->top * sqrt(w / begin));
}

static double stages(const level *l) {
    double value = l->top;
    for (int i = 0; i < l->s->n_stages; i++) {
        const lm_schedule_stage *stage = &l->s->stages[i];
        if (lm_schedule_begun(&stage->at, l->t)) value = stage->value;
    }
    return value;
}

static const struct {
    const char *name;
    double (*value)(const level *l);
    bool has_end, has_decay, has_stages;
} shapes[] = {
    {"constant", constant, false, false, false},
    {"cosine", cosine, true, false, false},
    {"linear", linear, true, false, false},
    {"inverse_sqrt", inverse_sqrt, true, true, false},
    {"wsd", wsd, true, true, false},
    {"stages", stages, false, false, true},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

const char *lm_schedule_name(int shape) {
    return shape >= 0 && shape < SHAPES ? shapes[shape].name : NULL;
}

const char *lm_schedule_short_name(int shape) {
    const char *name = lm_schedule_name(shape);
    return name && !shapes[shape].has_stages ? name : NULL;
}

bool lm_schedule_has_end(int shape) {
    LM_ASSERT(lm_schedule_name(shape));
    return shapes[shape].has_end;
}
bool lm_schedule_has_decay(int shape) {
    LM_ASSERT(lm_schedule_name(shape));
    return shapes[shape].has_decay;
}
bool lm_schedule_has_stages(int shape) {
    LM_ASSERT(lm_schedule_name(shape));
    return shapes[shape].has_stages;
}

/* ---- values -----------------------------------------------------------------------------------*/

double lm_schedule_value(const lm_schedule *s, lm_schedule_scale scale, double top,
                         const lm_schedule_time *t) {
    LM_ASSERT(t->step >= 1);
    if (!s->given) return top;
    LM_ASSERT(lm_schedule_name(s->shape) && lm_decay_name(s->decay_shape));
    const double warmup = size_of(&s->warmup, t), done = done_of(&s->warmup, t);
    const bool shares = scale == LM_SCHEDULE_SHARES;
    if (done < warmup) {
        double start = shares ? s->start * top : s->start;
        return start + (top - start) * done / warmup;
    }
    const level l = {.s = s, .t = t, .top = shares ? 1 : top, .end = s->end};
    double value = shapes[s->shape].value(&l);
    return shares ? top * value : value;
}

/* Of what a short form does not say: Haegele et al. 2024 find a fifth of the run, by 1 - sqrt, as
 * good as a cosine over all of it. */
#define SHORT_DECAY_PERCENT 20
enum { SHORT_DECAY_SHAPE = 2 };

lm_schedule lm_schedule_of_lr(const lm_schedule_options *o) {
    if (o->lr.given) return o->lr;
    return (lm_schedule){.given = true,
                         .shape = o->kind,
                         .warmup = {(double)o->warmup_steps, LM_LENGTH_STEPS},
                         .decay = {SHORT_DECAY_PERCENT, LM_LENGTH_PERCENT},
                         .decay_shape = SHORT_DECAY_SHAPE,
                         .end = o->min_lr_ratio};
}

double lm_schedule_lr(const lm_schedule_options *o, double lr, const lm_schedule_time *t) {
    lm_schedule s = lm_schedule_of_lr(o);
    return lm_schedule_value(&s, LM_SCHEDULE_SHARES, lr, t);
}
