#include "optim/optimizer.h"

#include <math.h>
#include <string.h>

#include "base/elementary.h"

/* Elements a task updates: a fixed length, so that chunks do not depend on threads; the update
 * itself is elementwise and could be cut anywhere. */
#define CHUNK 65536

/* One chunk of one segment. */
typedef struct chunk {
    int64_t offset, count;
    bool decay;
} chunk;

typedef struct update {
    const lm_compute *compute;
    const lm_optimizer_options *o;
    const lm_optimizer_step_args *s;
    double correction1, correction2; /* 1 - beta^t */
} update;

/* lr * weight_decay of this chunk: decoupled decay, scaled by this step's rate. */
static float decay_of(const update *u, const chunk *c) {
    return c->decay ? (float)(u->s->lr * u->o->weight_decay) : 0.0f;
}

static void update_sgd(const update *u, const chunk *c) {
    const lm_optimizer_step_args *s = u->s;
    u->compute->kernels->sgd_f32(c->count, (float)s->lr, decay_of(u, c), (float)s->grad_scale,
                                 s->gradients + c->offset, s->weights + c->offset);
}

static void update_momentum(const update *u, const chunk *c) {
    const lm_optimizer_step_args *s = u->s;
    u->compute->kernels->momentum_f32(c->count, (float)s->lr, (float)u->o->momentum, decay_of(u, c),
                                      (float)s->grad_scale, s->gradients + c->offset,
                                      s->states[0] + c->offset, s->weights + c->offset);
}

static void update_adam(const update *u, const chunk *c) {
    const lm_optimizer_step_args *s = u->s;
    lm_adam_coefficients a = {.lr = (float)s->lr,
                              .beta1 = (float)u->o->beta1,
                              .beta2 = (float)u->o->beta2,
                              .eps = (float)u->o->eps,
                              .inv_correction1 = (float)(1 / u->correction1),
                              .inv_correction2 = (float)(1 / u->correction2),
                              .decay = decay_of(u, c),
                              .grad_scale = (float)s->grad_scale};
    u->compute->kernels->adam_f32(c->count, &a, s->gradients + c->offset, s->states[0] + c->offset,
                                  s->states[1] + c->offset, s->weights + c->offset);
}

/* ---- the registry
 * ------------------------------------------------------------------------------*/

static const struct {
    const char *name;
    int states;
    const char *state_names[2];
    const char *uses; /* options it reads beside lr */
    void (*update)(const update *u, const chunk *c);
} optimizers[] = {
    {"sgd", 0, {NULL, NULL}, "weight_decay", update_sgd},
    {"momentum", 1, {"momentum", NULL}, "momentum weight_decay", update_momentum},
    {"adam", 2, {"m", "v"}, "beta1 beta2 eps", update_adam},
    {"adamw", 2, {"m", "v"}, "beta1 beta2 eps weight_decay", update_adam},
};
enum { COUNT = sizeof optimizers / sizeof *optimizers };

const char *lm_optimizer_name(int kind) {
    return kind >= 0 && kind < COUNT ? optimizers[kind].name : NULL;
}

int lm_optimizer_states(int kind) {
    LM_ASSERT(kind >= 0 && kind < COUNT);
    return optimizers[kind].states;
}

const char *lm_optimizer_state_name(int kind, int state) {
    LM_ASSERT(kind >= 0 && kind < COUNT && state >= 0 && state < optimizers[kind].states);
    return optimizers[kind].state_names[state];
}

bool lm_optimizer_uses(int kind, const char *option) {
    LM_ASSERT(kind >= 0 && kind < COUNT);
    size_t n = strlen(option);
    for (const char *at = optimizers[kind].uses; *at; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        if (length == n && memcmp(at, option, n) == 0) return true;
        at += length;
    }
    return false;
}

/* ---- one step
 * ----------------------------------------------------------------------------------*/

static int64_t chunks_of(int64_t count) {
    return (count + CHUNK - 1) / CHUNK;
}

static void step_task(void *argument, int64_t task, int worker) {
    (void)worker;
    const update *u = argument;
    const lm_optimizer_segment *segment = u->s->segments;
    while (task >= chunks_of(segment->count)) task -= chunks_of(segment++->count);
    int64_t first = task * CHUNK, left = segment->count - first;
    chunk c = {.offset = segment->offset + first,
               .count = left < CHUNK ? left : CHUNK,
               .decay = segment->decay && lm_optimizer_uses(u->o->kind, "weight_decay")};
    optimizers[u->o->kind].update(u, &c);
}

void lm_optimizer_step(const lm_compute *compute, const lm_optimizer_options *o,
                       const lm_optimizer_step_args *s) {
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_OPTIMIZER);
    LM_ASSERT(o->kind >= 0 && o->kind < COUNT && s->step >= 1);
    update u = {.compute = compute, .o = o, .s = s, .correction1 = 1, .correction2 = 1};
    if (lm_optimizer_uses(o->kind, "beta1")) {
        u.correction1 = 1 - lm_powi(o->beta1, s->step);
        u.correction2 = 1 - lm_powi(o->beta2, s->step);
    }
    int64_t tasks = 0;
    for (int64_t i = 0; i < s->n_segments; i++) tasks += chunks_of(s->segments[i].count);
    lm_pool_run(compute->pool, tasks, step_task, &u);
    lm_phase_leave(compute->phases, before);
}

/* ---- the norm
 * ----------------------------------------------------------------------------------*/

/* Chunks are fixed by the count alone: at most NORM_CHUNKS, each of a multiple of CHUNK. */
#define NORM_CHUNKS 64

typedef struct norm {
    const lm_compute *compute;
    const float *gradients;
    int64_t count, chunk;
    double sums[NORM_CHUNKS];
} norm;

static void norm_task(void *argument, int64_t task, int worker) {
    (void)worker;
    norm *n = argument;
    int64_t end = (task + 1) * n->chunk < n->count ? (task + 1) * n->chunk : n->count;
    double sum = 0;
    /* Single precision within a short run, double across: no overflow of the sum of 100 M. */
    for (int64_t i = task * n->chunk; i < end; i += CHUNK) {
        int64_t length = end - i < CHUNK ? end - i : CHUNK;
        sum += (double)n->compute->kernels->sum_squares_f32(length, n->gradients + i);
    }
    n->sums[task] = sum;
}

double lm_gradient_norm(const lm_compute *compute, int64_t count, const float *gradients) {
    norm n = {.compute = compute, .gradients = gradients, .count = count};
    n.chunk = (chunks_of(count) + NORM_CHUNKS - 1) / NORM_CHUNKS * CHUNK;
    if (count == 0) return 0;
    int64_t tasks = (count + n.chunk - 1) / n.chunk;
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_OPTIMIZER);
    lm_pool_run(compute->pool, tasks, norm_task, &n);
    lm_phase_leave(compute->phases, before);
    double sum = 0;
    for (int64_t i = 0; i < tasks; i++) sum += n.sums[i];
    return sqrt(sum);
}

double lm_clip_scale(double total_norm, double clip_norm) {
    return clip_norm > 0 && total_norm > clip_norm ? clip_norm / total_norm : 1;
}
