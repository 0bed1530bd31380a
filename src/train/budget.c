#include "train/budget.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/numbers.h"
#include "checkpoint/checkpoint.h"
#include "machine/peak.h"
#include "report/line.h"
#include "report/summary.h"
#include "train/evaluate.h"
#include "train/pace.h"
#include "train/trainer.h"

/* ---- measuring --------------------------------------------------------------------------------*/

enum { SAMPLES_MOST = 4096 };
static const double UNDISTURBED = 0.9; /* share of the CPU time from which other work is none */

/* Of a part of the steps. */
typedef struct samples {
    double values[SAMPLES_MOST];
    int n;
} samples;

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(samples *s) {
    qsort(s->values, (size_t)s->n, sizeof *s->values, by_value);
    return s->n % 2 ? s->values[s->n / 2] : (s->values[s->n / 2 - 1] + s->values[s->n / 2]) / 2;
}

static double mean(const samples *s) {
    double sum = 0;
    for (int i = 0; i < s->n; i++) sum += s->values[i];
    return sum / s->n;
}

lm_status lm_budget_measure(const lm_budget_probe *p, double windows, double about,
                            lm_train_speed *speed, lm_error *err) {
    const double most = 30; /* seconds */
    samples *parts = calloc(2, sizeof *parts), *rests = parts + 1;
    double took = 0;
    int n = 0;
    *speed = (lm_train_speed){0};
    if (!parts) return lm_error_no_memory(err, NULL);
    lm_status status = p->step(p->of, &parts->values[0], &rests->values[0], err);
    double started = p->clock(p->of), cpu = p->cpu(p->of);
    for (bool more = true; status == LM_OK;) {
        more = n < SAMPLES_MOST && took < most && (n < LM_BUDGET_LEAST || took < about);
        if (p->agree) status = p->agree(p->of, &more, err);
        if (status != LM_OK || !more) break;
        status = p->step(p->of, &parts->values[n], &rests->values[n], err);
        n++;
        took = p->clock(p->of) - started;
    }
    parts->n = rests->n = speed->measured = n;
    if (status == LM_OK) {
        double slow = mean(parts) * windows + mean(rests);
        speed->rest = median(rests);
        speed->step = median(parts) * windows + speed->rest;
        speed->share = took > 0 ? fmin((p->cpu(p->of) - cpu) / (took * p->threads), 1) : 1;
        if (speed->share < UNDISTURBED && speed->step > 0) {
            speed->slowed = fmax(slow / speed->step, 1);
            speed->step *= speed->slowed;
            speed->rest *= speed->slowed;
        } else {
            speed->slowed = 1;
        }
    }
    free(parts);
    return status;
}

static lm_status ask_rank_0(void *of, bool *more, lm_error *err) {
    const lm_trainer *t = of;
    return lm_comm_broadcast(t->setup.comm, 0, more, sizeof *more, err);
}

static double all_cpu(void *of) {
    struct timespec t;
    (void)of;
    return clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0
               ? (double)t.tv_sec + 1e-9 * (double)t.tv_nsec
               : 0;
}

static double wall(void *of) {
    (void)of;
    return lm_clock_seconds();
}

static lm_status take_step(void *of, double *windows, double *rest, lm_error *err) {
    lm_trainer *t = of;
    double before = t->stepping;
    lm_status status = lm_trainer_step(t, err);
    if (status == LM_OK) status = lm_ranks_await_weights(t, err);
    *windows = t->gradients_took;
    *rest = t->stepping - before - t->gradients_took;
    return status;
}

/* Tokens of the validation set that an evaluation computes, of the first one with the weights and
 * with their average where eval.raw asks for both. */
static double tokens_evaluated(const lm_config *c, const lm_sources *sets, int64_t set) {
    int64_t all = lm_corpus_tokens(sets->items[set].corpus);
    if (c->eval.tokens > 0) all = lm_min(all, c->eval.tokens);
    return (double)all * (set == 0 && c->eval.raw && lm_config_averages(c) ? 2 : 1);
}

/* An evaluation reads the windows once, forward. One micro-batch of each set is timed, a few times,
 * of which the quickest counts: what disturbs it is in speed->slowed. */
static lm_status measure_evaluation(lm_trainer *t, lm_train_speed *speed, lm_error *err) {
    const lm_sources *sets = &t->setup.val;
    const int64_t most =
        t->setup.plan.micro_batch * t->abreast.count * t->config->model.context_length;
    for (int64_t i = 0; i < sets->count; i++) {
        double loss, best = INFINITY, all = tokens_evaluated(t->config, sets, i);
        int64_t evaluated = 0;
        lm_evaluation e = {.model = t->model,
                           .abreast = &t->abreast,
                           .sampler = &sets->items[i].sampler,
                           .batch = t->setup.plan.micro_batch,
                           .max_tokens = (int64_t)fmin(all, (double)most),
                           .tokens = t->batch};
        for (int k = 0; k < 3; k++) {
            double started = lm_clock_seconds();
            lm_status status = lm_evaluate(&e, NULL, &loss, &evaluated, err);
            if (status != LM_OK) return status;
            best = fmin(best, lm_clock_seconds() - started);
        }
        if (evaluated > 0)
            speed->evaluation +=
                speed->slowed * best * all / (double)evaluated / lm_comm_size(t->setup.comm);
    }
    return LM_OK;
}

/* A checkpoint is written and read back; half of the 1.4 GB/s that two cores write. */
static double checkpoint_seconds(const lm_trainer *t) {
    return 0.01 + (double)t->setup.plan.checkpoint / 0.7e9;
}

/* One micro-batch in each lane stands for the windows of a step, which may take minutes. */
static lm_status measure(lm_trainer *t, lm_train_options *o, double about, lm_train_speed *speed,
                         lm_error *err) {
    const lm_train_options asked = *o;
    bool *schedules_batch = &t->setup.config->schedule.batch.given,
         asked_schedule = *schedules_batch;
    int64_t micro = lm_min(t->setup.plan.micro_batch, asked.batch / asked.lanes);
    lm_budget_probe probe = {.of = t,
                             .step = take_step,
                             .agree = ask_rank_0,
                             .clock = wall,
                             .cpu = all_cpu,
                             .threads = t->setup.threads};
    o->micro_batch = micro;
    o->batch = micro * asked.lanes;
    *schedules_batch = false;
    lm_status status = lm_setup_plan(&t->setup, err);
    if (status == LM_OK) status = lm_setup_check_memory(&t->setup, err);
    if (status == LM_OK) status = lm_trainer_create(t, err);
    if (status == LM_OK) lm_model_init(t->model, (uint64_t)t->config->run.seed);
    if (status == LM_OK)
        status =
            lm_budget_measure(&probe, (double)asked.batch / (double)o->batch, about, speed, err);
    if (status == LM_OK) status = measure_evaluation(t, speed, err);
    speed->checkpoint = checkpoint_seconds(t);
    *o = asked;
    *schedules_batch = asked_schedule;
    return status;
}

/* The config made whole, as far as its steps matter. */
static lm_status open_run(lm_trainer *t, lm_error *err) {
    const lm_train_settings *s = t->settings;
    lm_status status = lm_ranks_check(lm_comm_size(s->comm), s->config, err);
    if (status == LM_OK) status = lm_setup_inherit(s->config, s->resume, &t->from, &t->said, err);
    if (status == LM_OK)
        status =
            lm_setup_open_shared(&t->setup, s->comm, s->config, s->threads, s->isas, s->quiet, err);
    return status;
}

/* Seconds of a step and of an evaluation if all ran at the machine's peak: the least that there can
 * be. */
static lm_status take_peak(lm_trainer *t, lm_train_speed *speed, lm_error *err) {
    lm_compute c = {.kernels = &t->setup.kernels,
                    .precision = (lm_precision)t->config->train.precision};
    const lm_sources *sets = &t->setup.val;
    lm_status status = lm_pool_create(&c.pool, t->setup.threads, err);
    if (status != LM_OK) return status;
    double token =
        t->setup.plan.model.flops_per_token / lm_peak_flops(c.pool, lm_compute_peak_loop(&c), 0.02);
    *speed = (lm_train_speed){.step = token * (double)t->setup.plan.step_tokens,
                              .checkpoint = checkpoint_seconds(t),
                              .share = 1,
                              .slowed = 1};
    for (int64_t i = 0; i < sets->count; i++) {
        speed->evaluation += token / 3 * tokens_evaluated(t->config, sets, i); /* forward alone */
    }
    lm_pool_free(c.pool);
    return LM_OK;
}

lm_status lm_train_measure(const lm_train_settings *s, lm_train_speed *speed, lm_error *err) {
    /* Seconds; of what is measured at once. A forecast for other machines is worth a minute. */
    const double about = 0.05, most = s->ranks > 0 ? 10 : 0.25;
    lm_trainer t = {.settings = s, .config = s->config};
    lm_status status = open_run(&t, err);
    t.setup.in_turn = s->in_turn;
    if (status == LM_OK) status = lm_setup_plan(&t.setup, err);
    if (status == LM_OK) status = take_peak(&t, speed, err);
    if (status == LM_OK) status = lm_comm_broadcast(s->comm, 0, speed, sizeof *speed, err);
    const lm_train_options *o = &s->config->train;
    double share = (double)(lm_min(t.setup.plan.micro_batch, o->batch / o->lanes) * o->lanes) /
                   (double)o->batch;
    if (status == LM_OK && speed->step * share < most)
        status = measure(&t, &s->config->train, about, speed, err);
    lm_trainer_free(&t);
    return status;
}

/* ---- steps ------------------------------------------------------------------------------------*/

static double cost_per_step(double seconds, int64_t every) {
    return every > 0 ? seconds / (double)every : 0;
}

int64_t lm_budget_steps(const lm_length *budget, const lm_budget_costs *c) {
    const lm_train_speed *s = &c->speed;
    double steps, each = 1, amount = budget->amount;
    if (budget->unit == LM_LENGTH_TOKENS) {
        each = c->step_tokens;
    } else if (budget->unit == LM_LENGTH_FLOPS) {
        each = c->step_flops;
    } else {
        LM_ASSERT(budget->unit == LM_LENGTH_SECONDS);
        each = s->step + cost_per_step(s->evaluation, c->eval_every) +
               cost_per_step(s->checkpoint, c->checkpoint_every);
        amount = 0.99 * (amount - c->fixed - s->evaluation - s->checkpoint); /* those of the end */
    }
    steps = each > 0 ? floor(amount / each * (1 + 1e-12)) : 0;
    return steps >= 1 ? (int64_t)fmin(steps, (double)LM_CHECKPOINT_MAX_STEP + 1) : 1;
}

void lm_budget_print(const lm_config *c, const lm_train_speed *s, lm_text *out) {
    const lm_train_options *o = &c->train;
    double tokens = (double)o->batch * (double)c->model.context_length;
    int64_t evaluations = s->evaluation > 0 ? 1 : 0, checkpoints = c->checkpoint.final ? 1 : 0;
    char a[32], b[32], d[32], e[32];
    if (s->evaluation > 0 && c->eval.every > 0) evaluations += (o->steps - 1) / c->eval.every;
    if (c->checkpoint.every > 0) checkpoints += (o->steps - 1) / c->checkpoint.every;
    double mean = 1, windows;
    if (c->schedule.batch.given && lm_pace_windows(c, &windows, &(lm_error){0}) == LM_OK)
        mean = windows / (double)o->steps / (double)o->batch;
    double step = mean * (s->step - s->rest) + s->rest;
    double steps = step * (double)o->steps, evaluating = s->evaluation * (double)evaluations;
    double saving = s->checkpoint * (double)checkpoints;
    lm_text_count(a, sizeof a, mean * tokens / step);
    if (s->measured > 0)
        lm_text_say(out, "speed     %s tokens/s, measured over %d steps\n", a, s->measured);
    else
        lm_text_say(
            out,
            "speed     at most %s tokens/s, by this machine's peak: a step takes too long to"
            " be measured here\n",
            a);
    lm_text_say(out,
                "time      %s %s: %s of steps, %s of %" PRId64 " evaluations, %s of %" PRId64
                " checkpoints\n",
                s->measured > 0 ? "about" : "at least",
                lm_line_duration(a, sizeof a, steps + evaluating + saving),
                lm_line_duration(b, sizeof b, steps), lm_line_duration(d, sizeof d, evaluating),
                evaluations, lm_line_duration(e, sizeof e, saving), checkpoints);
    if (s->share < UNDISTURBED && s->slowed >= 1.05)
        lm_text_say(out,
                    "          this machine does other work, taken to go on: the threads had %.0f%%"
                    " of the time, so that steps took %.*f times as long\n",
                    100 * s->share, s->slowed < 10 ? 1 : 0, s->slowed);
    else if (s->share < UNDISTURBED)
        lm_text_say(out,
                    "          this machine does other work: the threads had %.0f%% of the time,"
                    " but the steps took no longer for it\n",
                    100 * s->share);
}

/* Steps of the run that is to be resumed, when it began within the same budget; 0: it did not. */
static int64_t steps_of_run(const lm_train_settings *s) {
    lm_summary_found found;
    char *summary = lm_file_join(s->config->run.dir, "summary.json");
    int64_t steps = 0;
    if (s->resume && summary && lm_summary_read(&found, summary) &&
        strcmp(found.budget, s->config->train.budget) == 0)
        steps = found.steps;
    free(summary);
    return steps;
}

/* Where schedule.batch changes the batch, a step costs what the mean one does, which depends on the
 * number of steps: it is looked for. */
static lm_status find_steps(lm_config *c, const lm_length *budget, lm_budget_costs costs,
                            int64_t *steps, lm_error *err) {
    const int64_t stand_in = c->train.steps;
    const lm_budget_costs whole = costs;
    lm_status status = LM_OK;
    *steps = lm_budget_steps(budget, &costs);
    for (int i = 0; i < 20 && c->schedule.batch.given && status == LM_OK; i++) {
        double windows, before = (double)*steps;
        c->train.steps = *steps;
        if ((status = lm_pace_windows(c, &windows, err)) != LM_OK) break;
        double share = windows / before / (double)c->train.batch;
        costs.step_tokens = share * whole.step_tokens;
        costs.step_flops = share * whole.step_flops;
        costs.speed.step = share * (whole.speed.step - whole.speed.rest) + whole.speed.rest;
        *steps = lm_budget_steps(budget, &costs);
        if ((double)*steps == before) break;
    }
    c->train.steps = stand_in;
    return status;
}

lm_status lm_train_budget(const lm_train_settings *s, int64_t *steps, lm_train_speed *speed,
                          lm_error *err) {
    lm_config *c = s->config;
    lm_trainer t = {.settings = s, .config = c};
    lm_length budget;
    *speed = (lm_train_speed){0};
    LM_ASSERT(c->train.steps_open && lm_length_parse(c->train.budget, &budget));
    *steps = lm_comm_rank(s->comm) == 0 ? steps_of_run(s) : 0;
    lm_status status = lm_comm_broadcast(s->comm, 0, steps, sizeof *steps, err);
    if (status != LM_OK || *steps > 0) return status;
    if ((status = lm_comm_agree(s->comm, open_run(&t, err), err)) != LM_OK) goto out;
    lm_budget_costs costs = {.eval_every = c->eval.every, .checkpoint_every = c->checkpoint.every};
    costs.step_tokens = (double)t.setup.plan.step_tokens;
    costs.step_flops = costs.step_tokens * t.setup.plan.model.flops_per_token;
    if (budget.unit == LM_LENGTH_SECONDS) status = measure(&t, &c->train, 1, speed, err);
    if (status != LM_OK) goto out;
    costs.speed = *speed;
    if (s->started > 0) costs.fixed = lm_clock_seconds() - s->started;
    status = find_steps(c, &budget, costs, steps, err);
    if (status == LM_OK && *steps > LM_CHECKPOINT_MAX_STEP)
        status = lm_error_set(err, LM_ERR_USAGE,
                              "train.budget: %s comes to more than %lld steps, the most that a run"
                              " can take",
                              c->train.budget, (long long)LM_CHECKPOINT_MAX_STEP);
    if (status == LM_OK) status = lm_comm_broadcast(s->comm, 0, steps, sizeof *steps, err);
out:
    lm_trainer_free(&t);
    return status;
}
