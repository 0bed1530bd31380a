#include "train/ranks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/sync.h"
#include "machine/stop.h"
#include "optim/clip.h"
#include "train/trainer.h"

lm_status lm_ranks_check(int ranks, const lm_config *c, lm_error *err) {
    int64_t lanes = 1;
    if (ranks <= c->train.lanes) return LM_OK;
    while (lanes < ranks) lanes *= 2;
    return lm_error_set(err, LM_ERR_USAGE,
                        "train.lanes = %" PRId64 ": %d processes need %" PRId64
                        " lanes at least (a power of two that divides train.batch = %" PRId64
                        "); or take %" PRId64 " at most. The lanes are part of the result, the"
                        " number of processes is not",
                        c->train.lanes, ranks, lanes, c->train.batch, c->train.lanes);
}

bool lm_ranks_first(const lm_ranks *r) {
    return lm_comm_rank(r->comm) == 0;
}

/* ---- n-gram tables ----------------------------------------------------------------------------*/

int64_t lm_ranks_tables(int ranks, const lm_config *c,
                        lm_exchange_table tables[LM_EXCHANGE_TABLES_MOST]) {
    const lm_ngram_tables *own = &c->model.ngram_tables;
    const int64_t lanes = lm_divide_up(c->train.lanes, ranks);
    int64_t tokens;
    if (!lm_count_mul(lanes * (c->train.batch / c->train.lanes), c->model.context_length, &tokens))
        tokens = INT64_MAX; /* the plan refuses it */
    _Static_assert((int)LM_NGRAM_TABLES_MOST <= (int)LM_EXCHANGE_TABLES_MOST,
                   "room for all tables");
    for (int64_t k = 0; k < own->count; k++)
        tables[k] = (lm_exchange_table){.lines = own->at[k].rows,
                                        .columns = c->model.d_model,
                                        .most = lm_min(tokens, own->at[k].rows)};
    return own->count;
}

/* The last rows. */
static lm_status create_lines(lm_trainer *t, lm_error *err) {
    lm_ranks *r = &t->ranks;
    lm_exchange_table tables[LM_EXCHANGE_TABLES_MOST];
    int64_t rows, n = lm_ranks_tables(lm_comm_size(r->comm), t->config, tables);
    const lm_param *row = lm_model_rows(t->model, &rows);
    for (int64_t k = 0; k < n; k++) tables[k].offset = row[rows - n + k].offset;
    return lm_exchange_lines_create(&r->lines, &r->exchange, t->config->train.lanes, tables, n,
                                    err);
}

/* The sum of all ranks' gradients of tables into the model's own. */
static lm_status sum_tables(lm_trainer *t, lm_error *err) {
    lm_exchange_lines *e = &t->ranks.lines;
    int64_t rows;
    (void)lm_model_rows(t->model, &rows);
    const lm_lines *reached = lm_model_lines(t->model) + rows - e->n;
    lm_status status = lm_exchange_lines_tell(e, reached, err);
    if (status != LM_OK) return status;
    lm_model_touch_lines(t->model, e->told, lm_comm_size(t->ranks.comm));
    for (int64_t k = 0; k < e->n && status == LM_OK; k++)
        status = lm_exchange_lines_sum(e, &t->compute, k, reached[k], t->lanes.trees,
                                       lm_model_gradients(t->model), err);
    return status;
}

/* ---- embeddings that are the head too ---------------------------------------------------------*/

lm_exchange_late_of lm_ranks_late(int ranks, const lm_config *c) {
    const lm_model_options *m = &c->model;
    lm_exchange_late_of of = {.span = lm_model_tied_span(m),
                              .lines = m->vocab_size,
                              .columns = m->d_model,
                              .most = m->vocab_size};
    int64_t tokens;
    if (lm_count_mul(c->train.batch / c->train.lanes, m->context_length, &tokens))
        of.most = lm_min(of.most, tokens);
    const bool late = of.span >= 0 && lm_exchange_late_repays(c->train.lanes, ranks, &of);
    return late ? of : (lm_exchange_late_of){0};
}

/* Of the last lane's last pass: the head's gradient leaves, but for lines of the lane's tokens, to
 * which the embeddings' is not added yet. */
static bool head_finished(void *argument) {
    lm_ranks *r = argument;
    if (!r->exchange.compute || !r->late_lines) return false;
    lm_exchange_sum_late(&r->exchange, r->late_lines, lm_model_late_lines(r->model, r->late_lines));
    return true;
}

static const float *late_line(const void *argument, int32_t line) {
    return lm_model_late_line(argument, line);
}

/* ---- creating ---------------------------------------------------------------------------------*/

/* Of those that are cut. */
static int64_t longest_state(const lm_optimizer *o) {
    int64_t n, most = 0;
    const lm_optimizer_array *a = lm_optimizer_arrays(o, &n);
    for (int64_t i = 0; i < n; i++)
        if (!a[i].whole) most = lm_max(most, a[i].shape[0] * a[i].shape[1]);
    return most;
}

/* Runs of the gradient whose norms the rank makes: those that begin in its slice. */
static int64_t count_runs(const lm_ranks *r, int rank) {
    int64_t first, n = 0;
    for (int64_t s = 0; s < r->exchange.n_spans; s++)
        n += lm_exchange_runs(&r->exchange, rank, s, LM_NORM_RUN, &first);
    return n;
}

static lm_status create_norms(lm_ranks *r, int64_t total, lm_error *err) {
    const int ranks = lm_comm_size(r->comm);
    const int64_t runs = lm_divide_up(total, LM_NORM_RUN);
    r->norms = calloc((size_t)runs + 1, sizeof *r->norms);
    r->rank_norms = calloc((size_t)runs + 1, sizeof *r->rank_norms);
    r->norm_bytes = calloc((size_t)ranks + 1, sizeof *r->norm_bytes);
    if (!r->norms || !r->rank_norms || !r->norm_bytes) return lm_error_no_memory(err, NULL);
    for (int q = 0; q < ranks; q++)
        r->norm_bytes[q + 1] = r->norm_bytes[q] + (size_t)count_runs(r, q) * sizeof *r->norms;
    LM_ASSERT(r->norm_bytes[ranks] == (size_t)runs * sizeof *r->norms);
    return LM_OK;
}

/* A pass must have weights, whatever happened to messages: after an error they are old ones, and
 * what it computes is not used. */
static void before_weights(void *argument, int64_t n) {
    lm_ranks *r = argument;
    if (r->status == LM_OK) r->status = lm_exchange_spread_need(&r->exchange, n, &r->error);
}

static void after_gradients(void *argument, int64_t n) {
    lm_ranks *r = argument;
    lm_exchange_sum_final(&r->exchange, n);
}

static void take_turn(void *argument, bool within) {
    lm_ranks *r = argument;
    lm_exchange_progress(&r->exchange, within);
    lm_comm_alive(r->comm);
}

/* While rank 0 or one that writes its share of a checkpoint waits for the disk. */
static void take_turn_alone(void *argument) {
    take_turn(argument, true);
}

static lm_status create_exchange(lm_trainer *t, const lm_span *spans, int64_t n,
                                 const lm_span *shares, lm_error *err) {
    lm_ranks *r = &t->ranks;
    const lm_exchange_late_of late = lm_ranks_late(lm_comm_size(r->comm), t->config);
    const bool has = late.columns > 0;
    r->model = t->model;
    r->late_lines = has ? calloc((size_t)late.most, sizeof *r->late_lines) : NULL;
    if (has && !r->late_lines) return lm_error_no_memory(err, NULL);
    lm_status status = lm_exchange_create(&r->exchange, r->comm, t->config->train.lanes, spans, n,
                                          shares, has ? &late : NULL, err);
    r->watch = (lm_model_watch){before_weights, after_gradients, head_finished, r};
    lm_model_set_watch(t->model, &r->watch);
    lm_pool_set_between(t->pool, take_turn, r);
    lm_sync_set_meanwhile(take_turn_alone, r);
    return status;
}

/* For several ranks: the slices, and what they send. */
static lm_status create_slices(lm_trainer *t, lm_error *err) {
    lm_ranks *r = &t->ranks;
    const lm_groups *g = &t->groups;
    const int64_t total = lm_model_dense(t->model), n = lm_model_spans(&t->config->model, NULL);
    const int ranks = lm_comm_size(r->comm), rank = lm_comm_rank(r->comm);
    lm_status status = LM_OK;
    lm_span *spans = calloc((size_t)n, sizeof *spans);
    lm_span *shares = calloc((size_t)(ranks * n), sizeof *shares);
    r->notes = calloc((size_t)ranks, sizeof *r->notes);
    r->batch = lm_comm_batch_create(r->comm, LM_COMM_MAIN);
    if (!spans || !shares || !r->notes || !r->batch) {
        status = lm_error_no_memory(err, NULL);
        goto out;
    }
    lm_model_spans(&t->config->model, spans);
    lm_optimizer_cut(g->options, g->rows, g->n_rows, spans, n, ranks, shares);
    const lm_optimizer_slice slice = {shares + rank * n, n, total};
    status = lm_optimizer_create_slice(&t->optimizer, g->options, g->count, g->rows, g->n_rows,
                                       &slice, err);
    if (status == LM_OK) status = create_exchange(t, spans, n, shares, err);
    if (status == LM_OK) status = create_lines(t, err);
    if (status == LM_OK) status = create_norms(r, total, err);
    if (status == LM_OK && rank == 0) {
        r->whole = malloc((size_t)lm_max(longest_state(t->optimizer), 1) * sizeof *r->whole);
        if (!r->whole) status = lm_error_no_memory(err, "states of the optimizer");
    }
out:
    free(shares);
    free(spans);
    return status;
}

lm_status lm_ranks_create(lm_trainer *t, lm_error *err) {
    lm_ranks *r = &t->ranks;
    const lm_groups *g = &t->groups;
    *r = (lm_ranks){.comm = t->setup.comm};
    r->lanes =
        lm_lanes_of_rank(t->config->train.lanes, lm_comm_size(r->comm), lm_comm_rank(r->comm));
    if (r->comm) return create_slices(t, err);
    return lm_optimizer_create(&t->optimizer, g->options, g->count, g->rows, g->n_rows, err);
}

void lm_ranks_free(lm_ranks *r) {
    if (r->comm) lm_sync_set_meanwhile(NULL, NULL);
    lm_exchange_lines_free(&r->lines);
    lm_exchange_free(&r->exchange);
    lm_comm_batch_free(r->batch);
    free(r->notes);
    free(r->norms);
    free(r->rank_norms);
    free(r->norm_bytes);
    free(r->late_lines);
    free(r->whole);
    *r = (lm_ranks){0};
}

/* ---- in a step --------------------------------------------------------------------------------*/

/* Begins to send what this rank has of `data`, `each` bytes for every lane, and to receive the
 * rest. */
static void post_lanes(lm_trainer *t, void *data, size_t each) {
    lm_ranks *r = &t->ranks;
    const int ranks = lm_comm_size(r->comm), rank = lm_comm_rank(r->comm);
    for (int q = 0; q < ranks; q++) {
        lm_lanes_run theirs = lm_lanes_of_rank(t->config->train.lanes, ranks, q);
        unsigned char *at = data;
        if (q == rank) continue;
        lm_comm_receive(r->batch, q, at + (size_t)theirs.first * each, (size_t)theirs.count * each);
        lm_comm_send(r->batch, q, at + (size_t)r->lanes.first * each,
                     (size_t)r->lanes.count * each);
    }
}

static void post_notes(lm_ranks *r) {
    const int ranks = lm_comm_size(r->comm), rank = lm_comm_rank(r->comm);
    lm_rank_note *own = &r->notes[rank];
    *own = (lm_rank_note){.stop = lm_stop_pending(), .save = lm_stop_save_asked()};
    for (int q = 0; q < ranks; q++) {
        if (q == rank) continue;
        lm_comm_receive(r->batch, q, &r->notes[q], sizeof *r->notes);
        lm_comm_send(r->batch, q, own, sizeof *own);
    }
}

static lm_status take_notes(lm_ranks *r, lm_error *err) {
    lm_status status = lm_comm_wait(r->batch, err);
    if (status != LM_OK) return status;
    for (int q = 0; q < lm_comm_size(r->comm); q++) {
        if (r->stop == 0) r->stop = r->notes[q].stop;
        r->save |= r->notes[q].save != 0;
    }
    return LM_OK;
}

lm_status lm_ranks_tell(lm_trainer *t, lm_error *err) {
    const size_t windows = (size_t)(t->batch_windows / t->config->train.lanes);
    lm_ranks *r = &t->ranks;
    if (!r->comm) return LM_OK;
    r->save = false;
    post_notes(r);
    post_lanes(t, t->window_losses, windows * sizeof *t->window_losses);
    post_lanes(t, t->window_digests, windows * sizeof *t->window_digests);
    if (t->lane_squares) post_lanes(t, t->lane_squares, sizeof *t->lane_squares);
    return take_notes(r, err);
}

void lm_ranks_expect_last(lm_trainer *t, int64_t lane) {
    lm_ranks *r = &t->ranks;
    if (!r->comm || lane != r->lanes.first + r->lanes.count - 1 || t->lane_squares) return;
    lm_exchange_sum_begin(&r->exchange, &t->compute, &t->lanes, lane, lm_model_gradients(t->model));
}

/* Of n-gram tables the lines that this rank's lanes have reached. */
static void add_tables(lm_trainer *t, int64_t lane) {
    int64_t rows;
    const lm_param *row = lm_model_rows(t->model, &rows);
    const lm_lines *lines = lm_model_lines(t->model);
    for (int64_t i = rows - t->config->model.ngram_tables.count; i < rows; i++)
        lm_lanes_add_lines(&t->lanes, &t->compute, lane, row[i].offset, row[i].shape[1], lines[i]);
}

void lm_ranks_add_lane(lm_trainer *t, int64_t lane) {
    lm_ranks *r = &t->ranks;
    if (!r->comm || lane != r->lanes.first + r->lanes.count - 1) {
        const lm_span dense = {0, lm_model_dense(t->model)};
        lm_lanes_add_span(&t->lanes, &t->compute, lane, dense);
    } else {
        if (t->lane_squares)
            lm_exchange_sum_begin(&r->exchange, &t->compute, &t->lanes, lane,
                                  lm_model_gradients(t->model));
        lm_exchange_sum_final(&r->exchange, 0);
    }
    add_tables(t, lane);
    lm_lanes_take(&t->lanes, lane);
}

/* The norm of the gradient that the ranks have in slices: each makes the sums of its runs, and all
 * take those of all and add them in the order of the flat array. */
static lm_status take_norm(lm_trainer *t, double *norm, lm_error *err) {
    lm_ranks *r = &t->ranks;
    const lm_exchange *x = &r->exchange;
    const int64_t total = lm_model_dense(t->model);
    const float *gradients = lm_model_gradients(t->model);
    const int rank = lm_comm_rank(r->comm);
    int64_t first, n;
    double *at = r->rank_norms + r->norm_bytes[rank] / sizeof *at;
    for (int64_t s = 0; s < x->n_spans; s++, at += n) {
        n = lm_exchange_runs(x, rank, s, LM_NORM_RUN, &first);
        lm_norm_sums(&t->compute, total, gradients, first, n, at);
    }
    lm_status status = lm_comm_all(r->comm, r->rank_norms, r->norm_bytes, err);
    at = r->rank_norms;
    for (int q = 0; q < lm_comm_size(r->comm); q++)
        for (int64_t s = 0; s < x->n_spans; s++, at += n) {
            n = lm_exchange_runs(x, q, s, LM_NORM_RUN, &first);
            memcpy(r->norms + first, at, (size_t)n * sizeof *at);
        }
    *norm = lm_norm_of_sums(total, r->norms);
    return status;
}

lm_status lm_ranks_sum(lm_trainer *t, double *norm, lm_error *err) {
    lm_ranks *r = &t->ranks;
    lm_status status = lm_ranks_await_weights(t, err);
    if (status == LM_OK) status = lm_exchange_sum_end(&r->exchange, late_line, t->model, err);
    if (status == LM_OK)
        status =
            lm_exchange_complete_runs(&r->exchange, LM_NORM_RUN, lm_model_gradients(t->model), err);
    if (status == LM_OK) status = take_norm(t, norm, err);
    return status == LM_OK && r->lines.n > 0 ? sum_tables(t, err) : status;
}

lm_status lm_ranks_collect_gradients(lm_trainer *t, lm_error *err) {
    if (!t->ranks.comm) return LM_OK;
    return lm_exchange_collect(&t->ranks.exchange, lm_model_gradients(t->model), err);
}

void lm_ranks_spread_weights(lm_trainer *t) {
    lm_exchange_spread_begin(&t->ranks.exchange, lm_model_weights(t->model));
}

lm_status lm_ranks_await_weights(lm_trainer *t, lm_error *err) {
    lm_ranks *r = &t->ranks;
    if (!r->comm) return LM_OK;
    if (r->status == LM_OK) r->status = lm_exchange_spread_end(&r->exchange, &r->error);
    if (r->status != LM_OK) *err = r->error;
    return r->status;
}

lm_status lm_ranks_compare(lm_trainer *t, uint64_t number, const char *what, lm_error *err) {
    lm_comm *c = t->ranks.comm;
    int other = 0;
    if (!c) return LM_OK;
    uint64_t *all = calloc((size_t)lm_comm_size(c), sizeof *all);
    if (!all) return lm_error_no_memory(err, NULL);
    all[lm_comm_rank(c)] = number;
    lm_status status = lm_comm_all_equal(c, all, sizeof *all, err);
    while (status == LM_OK && other < lm_comm_size(c) && all[other] == all[0]) other++;
    if (status == LM_OK && other < lm_comm_size(c))
        status = lm_error_set(err, LM_ERR_RUNTIME,
                              "step %" PRId64 ": rank %d on %s has other %s than rank 0 on %s"
                              " (digests %016" PRIx64 " and %016" PRIx64 ")",
                              t->state.step, other, lm_comm_host(c, other), what,
                              lm_comm_host(c, 0), all[other], all[0]);
    free(all);
    return lm_comm_agree(c, status, err);
}

int lm_ranks_stop(const lm_ranks *r) {
    return r->comm ? r->stop : lm_stop_pending();
}

bool lm_ranks_save_asked(const lm_ranks *r) {
    return r->comm ? r->save : lm_stop_save_asked();
}

lm_status lm_ranks_ask_stop(lm_ranks *r, int *stop, lm_error *err) {
    lm_status status = LM_OK;
    if (r->comm) {
        post_notes(r);
        status = take_notes(r, err);
    }
    *stop = lm_ranks_stop(r);
    return status;
}
