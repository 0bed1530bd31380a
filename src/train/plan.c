/* The plan of memory, arithmetic and disk, made before anything large is allocated. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/together.h"
#include "dist/traffic.h"
#include "machine/limits.h"
#include "model/abreast.h"
#include "saved/exports.h"
#include "train/groups.h"
#include "train/pace.h"
#include "train/ranks.h"
#include "train/setup.h"

/* At most, at the end of the run. */
static uint64_t checkpoints_kept(const lm_config *c) {
    const lm_checkpoint_options *o = &c->checkpoint;
    uint64_t kept = (uint64_t)o->keep_last;
    if (c->data.val.count > 0) kept += (uint64_t)o->keep_best;
    if (o->every > 0 && o->keep_every > 0) {
        int64_t a = o->every, b = o->keep_every; /* Euclid's: steps that are multiples of both */
        while (b > 0) {
            int64_t rest = a % b;
            a = b;
            b = rest;
        }
        kept += (uint64_t)(c->train.steps / (o->every / a) / o->keep_every);
    }
    kept += c->train.rewind;
    uint64_t made = o->every > 0 ? (uint64_t)((c->train.steps - 1) / o->every) + 1 : 1;
    return lm_u64_min(kept, made);
}

enum { NUMBER_BYTES = 28 }; /* of a figure in meta.json, at most */

/* Beside the arrays: the tokenizer's file, and meta.json, which holds the config with its paths and
 * about twenty lines more, and the figures of steps where spikes are looked for. */
static uint64_t bytes_beside(const lm_setup *s) {
    lm_text config = {0};
    lm_config_print_result(s->config, &config);
    uint64_t bytes = 1536 + config.length + s->tokenizer_file.length + s->kept.length;
    if (s->config->train.spike_sigma > 0) bytes += (uint64_t)2 * LM_SPIKES_MOST * NUMBER_BYTES;
    lm_text_free(&config);
    return bytes;
}

lm_model_use lm_setup_model_use(const lm_setup *s, int64_t micro_batch) {
    const lm_train_options *o = &s->config->train;
    return (lm_model_use){.batch = micro_batch, .windows = o->batch / o->lanes, .keep = s->keep};
}

lm_setup_batch lm_setup_take_batch(const lm_setup *s, int64_t micro_batch, lm_arena *arena) {
    const lm_config *c = s->config;
    lm_setup_batch b = {0};
    b.tokens = lm_arena_array(arena, micro_batch, c->model.context_length + 1, sizeof *b.tokens);
    const int64_t behind = c->model.multi_token.count;
    if (behind > 0) b.behind = lm_arena_array(arena, micro_batch, behind, sizeof *b.behind);
    b.losses = lm_arena_array(arena, c->train.batch, 1, sizeof *b.losses);
    b.digests = lm_arena_array(arena, c->train.batch, 1, sizeof *b.digests);
    if (c->train.noise_scale)
        b.lane_squares = lm_arena_array(arena, c->train.lanes, 1, sizeof *b.lane_squares);
    return b;
}

static uint64_t batch_bytes(const lm_setup *s, int64_t micro_batch) {
    lm_arena measure = lm_arena_measuring();
    lm_setup_take_batch(s, micro_batch, &measure);
    return measure.used;
}

/* Those of this process. */
static lm_lanes_run lanes_of(const lm_setup *s) {
    return lm_lanes_of_rank(s->config->train.lanes, s->ranks, s->rank);
}

/* Weights of a model that is small enough to be computed by a thread alone (tests/bench/NOTES.md).
 */
enum { ABREAST_WEIGHTS = 1 << 24 };

/* How many lanes are computed at once. Of n-gram tables it is not known which lines each of several
 * models reaches; several processes send what a lane has finished while it goes on. */
static int64_t lanes_abreast(const lm_setup *s) {
    const lm_config *c = s->config;
    const int64_t lanes = c->train.lanes, threads = s->threads;
    int64_t weights;
    if (s->comm || s->ranks > 1 || s->in_turn || threads < 2 || threads > LM_ABREAST_MOST ||
        lanes % threads != 0 || c->model.ngram_tables.count > 0)
        return 1;
    lm_model_params(&c->model, NULL, &weights);
    return weights <= ABREAST_WEIGHTS ? threads : 1;
}

/* Gradients of lanes beside those of the models. */
static int64_t lane_arrays(const lm_setup *s, int64_t abreast) {
    if (abreast > 1) return lm_lanes_buffers_abreast(s->config->train.lanes, abreast) - abreast;
    return lm_lanes_run_buffers(lanes_of(s)) - 1;
}

/* What depends on how many windows are computed at once; p has the rest. False: it does not fit. */
static bool plan_micro_batch(const lm_setup *s, lm_train_plan *p, int64_t micro_batch) {
    const lm_config *c = s->config;
    lm_model_use use = lm_setup_model_use(s, micro_batch);
    lm_model_plan_make(&p->model, &c->model, &use, (lm_precision)c->train.precision, s->threads);
    p->micro_batch = micro_batch;
    p->batch = batch_bytes(s, micro_batch * p->abreast);
    p->memory = 0;
    bool fits = !p->model.overflow && p->batch < SIZE_MAX &&
                lm_u64_mul((uint64_t)lane_arrays(s, p->abreast), lm_size_align(p->model.weights),
                           &p->lanes) &&
                lm_u64_mul((uint64_t)p->abreast, p->model.gradients, &p->model.gradients) &&
                lm_u64_mul((uint64_t)p->abreast, p->model.activations, &p->model.activations);
    p->average = lm_config_averages(c) ? lm_size_align(p->model.weights - p->gaps) : 0;
    p->layers = c->log.layers_every > 0 && s->rank == 0 ? lm_size_align(p->model.weights) : 0;
    const uint64_t parts[] = {
        p->model.weights,        p->model.gradients, p->lanes, p->exchange,      p->optimizer,
        p->model.activations,    p->model.scratch,   p->batch, p->model.rounded, p->saving,
        p->optimizer_work.bytes, p->average,         p->layers};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        fits = fits && lm_u64_add(p->memory, parts[i], &p->memory);
    return fits;
}

/* A step is fastest with about so many tokens at once: tests/bench/NOTES.md. Fewer read the weights
 * and add to their gradients more often than the arithmetic hides, and leave threads without work;
 * more fall out of the caches. */
enum { FAST_TOKENS = 1024, FAST_TOKENS_PER_THREAD = 256 };

/* The plan's micro-batch: what the config says, or the largest that fits the memory, up to those
 * tokens. Micro-batches of a lane are about equal. */
static bool choose_for(const lm_setup *s, lm_train_plan *p, uint64_t memory) {
    const lm_train_options *o = &s->config->train;
    int64_t lane = o->batch / o->lanes, context = s->config->model.context_length;
    if (o->micro_batch > 0) return plan_micro_batch(s, p, lm_min(o->micro_batch, lane));
    int64_t fast = lm_max(FAST_TOKENS, FAST_TOKENS_PER_THREAD * (int64_t)s->threads) / p->abreast;
    int64_t most = lm_max(lm_min(lane, fast / context), 1), parts = lm_divide_up(lane, most);
    for (;; parts++) {
        int64_t n = lm_divide_up(lane, parts);
        bool fits = plan_micro_batch(s, p, n);
        if (n == 1 || (fits && p->memory <= memory)) return fits;
    }
}

/* Lanes are abreast where the memory allows it. */
static bool choose_micro_batch(const lm_setup *s, lm_train_plan *p) {
    const uint64_t memory = lm_limits_memory() / (uint64_t)lm_comm_neighbours(s->comm);
    p->abreast = lanes_abreast(s);
    bool fits = choose_for(s, p, memory);
    if (p->abreast == 1 || (fits && p->memory <= memory)) return fits;
    p->abreast = 1;
    return choose_for(s, p, memory);
}

/* What a checkpoint takes at most; groups: what it holds beside the average of the weights. */
static bool plan_checkpoint(const lm_setup *s, const lm_groups_plan *groups, lm_train_plan *p) {
    int64_t arrays = groups->arrays, total;
    if (p->average > 0) arrays += lm_model_params(&s->config->model, NULL, &total);
    return lm_u64_add(p->model.weights, groups->bytes, &p->checkpoint) &&
           lm_u64_add(p->checkpoint, p->average, &p->checkpoint) &&
           lm_checkpoint_most_bytes(p->checkpoint, arrays, bytes_beside(s), &p->checkpoint);
}

/* While several processes write a checkpoint together: chunks, and for each kind of state the
 * pieces that end in another's slice. */
static uint64_t together_bytes(const lm_setup *s, const lm_groups_slice *slice) {
    const uint64_t longest = (uint64_t)slice->longest * sizeof(float);
    const uint64_t states = longest > 0 ? (slice->cut + longest - 1) / longest : 0;
    const uint64_t ends = states * (uint64_t)slice->ends * sizeof(float);
    return lm_checkpoint_together_bytes(s->threads, slice->bytes + 2 * longest + ends) + ends;
}

/* What a process of several has of the optimizer, and what it needs beside that. */
static lm_status plan_slice(const lm_setup *s, lm_train_plan *p, lm_error *err) {
    const int ranks = s->ranks, rank = s->rank;
    lm_groups_slice slice;
    lm_status status = lm_groups_slice_make(&slice, s->config, ranks, rank, err);
    if (status != LM_OK) return status;
    p->optimizer = slice.bytes;
    lm_exchange_table tables[LM_EXCHANGE_TABLES_MOST];
    const int64_t n = lm_ranks_tables(ranks, s->config, tables);
    const lm_exchange_late_of late = lm_ranks_late(ranks, s->config);
    const uint64_t dense = lm_exchange_bytes(s->config->train.lanes, ranks, rank, slice.longest) +
                           lm_exchange_late_bytes(s->config->train.lanes, ranks, &late);
    if (!lm_u64_add(dense, lm_exchange_lines_bytes(s->config->train.lanes, ranks, rank, tables, n),
                    &p->exchange))
        p->exchange = UINT64_MAX;
    uint64_t together = s->config->dist.shared_filesystem ? together_bytes(s, &slice) : 0;
    if (together > p->saving) p->saving = together;
    if (rank == 0) p->saving += slice.longest_state;
    return LM_OK;
}

lm_status lm_setup_plan(lm_setup *s, lm_error *err) {
    const lm_config *c = s->config;
    lm_train_plan *p = &s->plan;
    lm_groups_plan groups;
    memset(p, 0, sizeof *p);
    lm_status status = lm_groups_plan_make(&groups, c, s->threads, err);
    if (status != LM_OK) return status;
    uint64_t step = 0;
    p->optimizer = groups.bytes;
    p->gaps = groups.fits ? (uint64_t)groups.gaps * sizeof(float) : 0;
    p->optimizer_work = groups.work;
    p->saving = lm_checkpoint_write_bytes(s->threads);
    if (s->ranks > 1 && groups.fits && (status = plan_slice(s, p, err)) != LM_OK) return status;
    bool fits = groups.fits && choose_micro_batch(s, p) && plan_checkpoint(s, &groups, p) &&
                lm_u64_mul((uint64_t)c->train.batch, (uint64_t)c->model.context_length, &step) &&
                step <= INT64_MAX && lm_u64_mul(p->checkpoint, checkpoints_kept(c) + 1, &p->disk);
    p->overflow = !fits;
    p->step_tokens = fits ? (int64_t)step : 0;
    status = lm_pace_windows(c, &p->samples, err);
    p->tokens = p->samples * (double)c->model.context_length;
    return status;
}

lm_status lm_setup_check_memory(const lm_setup *s, lm_error *err) {
    const lm_train_plan *p = &s->plan;
    uint64_t memory = lm_limits_memory() / (uint64_t)lm_comm_neighbours(s->comm);
    char need[32], have[32];
    if (p->overflow)
        return lm_error_set(err, LM_ERR_RUNTIME,
                            "the plan's sizes do not fit 64 bits: make the model or train.batch"
                            " smaller");
    if (p->memory > memory)
        return lm_error_set(err, LM_ERR_RUNTIME,
                            "the plan needs %s of memory, %s are available: make the model,"
                            " train.micro_batch, train.lanes or model.context_length smaller"
                            " (--dry-run shows what needs how much)",
                            lm_text_bytes(need, sizeof need, (double)p->memory),
                            lm_text_bytes(have, sizeof have, (double)memory));
    return LM_OK;
}

/* What is free, and what this run's old checkpoints already use. */
static uint64_t available_disk(const char *run) {
    char *checkpoints = lm_file_join(run, "checkpoints");
    uint64_t disk = lm_limits_disk(run);
    if (checkpoints && !lm_u64_add(disk, lm_checkpoint_bytes(checkpoints), &disk))
        disk = UINT64_MAX;
    free(checkpoints);
    return disk;
}

lm_status lm_setup_check_limits(const lm_setup *s, lm_error *err) {
    const lm_train_plan *p = &s->plan;
    uint64_t disk = available_disk(s->config->run.dir);
    char need[32], have[32];
    lm_status status = lm_setup_check_memory(s, err);
    if (status != LM_OK) return status;
    if (p->disk <= disk) return LM_OK;
    lm_error_set(err, LM_ERR_RUNTIME,
                 "%s: checkpoints need up to %s of disk, %s are available, counting what this run's"
                 " old checkpoints already use: lower checkpoint.keep_last or choose another"
                 " run.dir",
                 s->config->run.dir, lm_text_bytes(need, sizeof need, (double)p->disk),
                 lm_text_bytes(have, sizeof have, (double)disk));
    err->no_room = true;
    return err->code;
}

int lm_setup_memory(const lm_setup *s, lm_summary_memory parts[LM_SETUP_MEMORY_PARTS]) {
    const lm_train_plan *p = &s->plan;
    const lm_summary_memory all[LM_SETUP_MEMORY_PARTS] = {
        {"weights", p->model.weights + p->model.rounded},
        {"gradients", p->model.gradients + p->lanes},
        {"optimizer", p->optimizer + p->optimizer_work.bytes},
        {"activations", p->model.activations},
        {"scratch", p->model.scratch},
        {"batch", p->batch},
        {"saving", p->saving},
        {"average", p->average},
        {"layers", p->layers},
        {"exchange", p->exchange}};
    int n = 0;
    for (int i = 0; i < LM_SETUP_MEMORY_PARTS; i++)
        if (i < LM_SETUP_MEMORY_ALWAYS || all[i].bytes > 0) parts[n++] = all[i];
    return n;
}

static void put_bytes(lm_text *out, const char *what, uint64_t bytes) {
    char text[32];
    lm_text_say(out, "  %-14s %12s\n", what, lm_text_bytes(text, sizeof text, (double)bytes));
}

/* What recomputing more than the config asks for would save. */
static void put_recompute(lm_text *out, const lm_setup *s) {
    const lm_config *c = s->config;
    char text[32];
    lm_text_say(out, "  recompute %s", lm_recompute_name(c->model.recompute));
    for (int kind = c->model.recompute + 1; kind < LM_RECOMPUTE_COUNT; kind++) {
        lm_model_options o = c->model;
        lm_model_plan plan;
        lm_model_use use = lm_setup_model_use(s, s->plan.micro_batch);
        o.recompute = kind;
        lm_model_plan_make(&plan, &o, &use, (lm_precision)c->train.precision, s->threads);
        lm_text_say(out, "; %s would save %s", lm_recompute_name(kind),
                    lm_text_bytes(text, sizeof text,
                                  (double)(s->plan.model.activations -
                                           plan.activations * (uint64_t)s->plan.abreast)));
    }
    lm_text_say(out, "\n");
}

static int64_t samples_of(const lm_setup *s) {
    return (int64_t)fmin(s->plan.samples, 1e18);
}

/* Of a source, by the end of the run. */
static double epochs_of(const lm_setup *s, int64_t source) {
    return lm_sources_epochs(&s->train, source, samples_of(s));
}

/* A line for each source of a mixture: its share, what it holds, what the run takes of it. */
static void put_mixture(lm_text *out, const lm_setup *s) {
    char holds[32], takes[32];
    lm_text_say(out, "data      a mixture of %" PRId64 " sources\n", s->train.count);
    for (int64_t i = 0; i < s->train.count; i++) {
        const lm_source *source = &s->train.items[i];
        double tokens = (double)lm_sources_tokens(&s->train, i, samples_of(s));
        lm_text_say(out, "          %.2f%% %s",
                    100 * (double)s->train.mixture.shares[i] / LM_MIXTURE_PERIOD, source->name);
        if (source->named) lm_text_say(out, ", %s", source->path);
        lm_text_say(out, ": %s tokens, of which the run takes %s, %.4g epochs\n",
                    lm_text_count(holds, sizeof holds, (double)lm_corpus_tokens(source->corpus)),
                    lm_text_count(takes, sizeof takes, tokens), epochs_of(s, i));
    }
}

static void put_data(lm_text *out, const lm_setup *s) {
    const bool one_set = s->val.count == 1 && !s->val.items[0].named;
    char tokens[32];
    if (s->train.count > 1) {
        put_mixture(out, s);
    } else {
        const lm_source *train = &s->train.items[0];
        lm_text_say(out, "data      %s: %s tokens", train->path,
                    lm_text_count(tokens, sizeof tokens, (double)lm_corpus_tokens(train->corpus)));
        lm_text_say(out, one_set ? "; " : "\n");
    }
    for (int64_t i = 0; i < s->val.count; i++) {
        const lm_source *val = &s->val.items[i];
        lm_text_say(out, s->train.count == 1 && one_set ? "validation " : "          validation ");
        if (val->named) lm_text_say(out, "%s, ", val->name);
        lm_text_say(out, "%s: %s tokens\n", val->path,
                    lm_text_count(tokens, sizeof tokens, (double)lm_corpus_tokens(val->corpus)));
    }
}

/* How the windows of a step are cut. */
static void put_batch(lm_text *out, const lm_setup *s) {
    const lm_train_options *o = &s->config->train;
    int64_t lane = o->batch / o->lanes, micro_batch = s->plan.micro_batch;
    lm_text_say(out, "batch     %s%" PRId64 " window%s a step",
                s->config->schedule.batch.given ? "up to " : "", o->batch,
                o->batch == 1 ? "" : "s");
    if (o->lanes > 1)
        lm_text_say(out, " in %" PRId64 " lanes, whose gradients take %" PRId64 " arrays", o->lanes,
                    s->plan.abreast + lane_arrays(s, s->plan.abreast));
    if (s->plan.abreast > 1)
        lm_text_say(out, ", %" PRId64 " lanes at a time, a thread each", s->plan.abreast);
    lm_text_say(out, "; %" PRId64 " computed at once%s%s\n", micro_batch,
                lane % micro_batch == 0 ? "" : " at most",
                o->micro_batch == 0 ? ", as the memory and the speed suggest" : "");
}

lm_traffic_model lm_setup_traffic(const lm_setup *s, int ranks) {
    lm_exchange_table tables[LM_EXCHANGE_TABLES_MOST];
    lm_traffic_model m = {.elements = s->plan.model.dense, .columns = s->config->model.d_model};
    for (int64_t k = lm_ranks_tables(ranks, s->config, tables); k > 0; k--)
        m.lines += tables[k - 1].most;
    return m;
}

void lm_setup_print_ranks(const lm_setup *s, int ranks, lm_text *out) {
    const int64_t lanes = s->config->train.lanes;
    const lm_traffic_model model = lm_setup_traffic(s, ranks);
    const lm_traffic t = lm_traffic_of(ranks, lanes, model);
    char a[32], b[32];
    lm_text_say(out, "ranks     %d processes, each with ", ranks);
    if (t.fewest_lanes < t.most_lanes) lm_text_say(out, "%" PRId64 " or ", t.fewest_lanes);
    lm_text_say(out, "%" PRId64 " of %" PRId64 " lanes", t.most_lanes, lanes);
    if (t.fewest_lanes < t.most_lanes)
        lm_text_say(out, ": the busiest takes %.3g%% longer than with equal shares",
                    100 * (t.imbalance - 1));
    lm_text_say(out, "\n          in a step each sends %s%s of gradients",
                t.subtrees > 1 ? "up to " : "", lm_text_bytes(a, sizeof a, t.gradients_out));
    if (t.subtrees > 1) lm_text_say(out, " (sums of up to %d subtrees)", t.subtrees);
    lm_text_say(out, " and %s of weights\n", lm_text_bytes(b, sizeof b, t.weights_out));
    if (model.lines > 0)
        lm_text_say(out,
                    "          and at most %s of n-gram tables, of which the lines that its tokens"
                    " reach go to all\n",
                    lm_text_bytes(a, sizeof a, t.lines_out));
    lm_text_say(out, "          %s\n",
                s->config->dist.shared_filesystem
                    ? "each writes its share of a checkpoint (dist.shared_filesystem)"
                    : "checkpoints go through rank 0 (dist.shared_filesystem = false)");
}

/* What is not used of the data, and warnings. */
static void put_warnings(lm_text *out, const lm_setup *s) {
    lm_text lines = {0};
    lm_setup_print_unused(s, &lines);
    lm_setup_warnings(s, &lines);
    for (const char *at = lm_text_cstr(&lines); *at; at += strcspn(at, "\n") + 1)
        lm_text_say(out, "          %-.*s\n", (int)strcspn(at, "\n"), at);
    lm_text_free(&lines);
}

static void put_optimizer_work(lm_text *out, const lm_train_plan *p) {
    char a[32];
    double step = p->model.flops_per_token * (double)p->step_tokens;
    if (p->optimizer_work.flops == 0) return;
    lm_text_say(out, "          and %sFLOP per step by the optimizer, %.1f%% more\n",
                lm_text_count(a, sizeof a, p->optimizer_work.flops),
                100 * p->optimizer_work.flops / step);
}

void lm_setup_print_plan(const lm_setup *s, lm_text *out) {
    const lm_train_plan *p = &s->plan;
    const lm_config *c = s->config;
    const lm_model_options *m = &c->model;
    char a[32], b[32], isas[128];
    lm_summary_memory parts[LM_SETUP_MEMORY_PARTS];
    lm_text_say(out,
                "model     %s parameters: %" PRId64 " layers of %" PRId64 ", %" PRId64
                " heads, vocabulary %" PRId64 ", context %" PRId64 "\n",
                lm_text_count(a, sizeof a, (double)p->model.parameters), m->n_layers, m->d_model,
                m->n_heads, m->vocab_size, m->context_length);
    if (p->model.tables > 0)
        lm_text_say(out, "          %s of the parameters are those of n-gram tables\n",
                    lm_text_count(a, sizeof a, (double)p->model.tables));
    put_data(out, s);
    put_warnings(out, s);
    lm_text_printf(out, "training  %" PRId64 " steps of %s%" PRId64 " tokens: %s tokens",
                   c->train.steps, c->schedule.batch.given ? "up to " : "", p->step_tokens,
                   lm_text_count(a, sizeof a, p->tokens));
    if (s->train.count == 1) lm_text_printf(out, ", %.3g epochs", epochs_of(s, 0));
    lm_text_printf(out, "\n");
    put_batch(out, s);
    if (s->comm) lm_setup_print_ranks(s, s->ranks, out);
    lm_groups_print(c, out);
    lm_text_say(out, "work      %sFLOP per token, %sFLOP in all\n",
                lm_text_count(a, sizeof a, p->model.flops_per_token),
                lm_text_count(b, sizeof b, p->model.flops_per_token * p->tokens));
    put_optimizer_work(out, p);
    lm_text_say(out, "machine   %d thread%s, %s\n", s->threads, s->threads == 1 ? "" : "s",
                lm_cpu_describe(s->kernels.isas, isas, sizeof isas));
    lm_text_say(out, "memory\n");
    for (int i = 0, n = lm_setup_memory(s, parts); i < n; i++)
        put_bytes(out, parts[i].name, parts[i].bytes);
    put_bytes(out, "total", p->memory);
    put_bytes(out, "available", lm_limits_memory());
    put_recompute(out, s);
    (void)lm_saved_print_exports(c, s->tokens_of, out, &(lm_error){0});
    lm_text_say(out,
                "disk      at most %s per checkpoint, %s for those kept and the one being"
                " written\n",
                lm_text_bytes(a, sizeof a, (double)p->checkpoint),
                lm_text_bytes(b, sizeof b, (double)p->disk));
}
