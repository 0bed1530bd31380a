/* What rank 0 does alone, and asks of the others meanwhile: saving, going on. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optim/clip.h"
#include "train/ranks_parts.h"

bool lm_ranks_is_sliced(const lm_trainer *t, int64_t i, int64_t *state) {
    int64_t rows, states;
    (void)lm_model_rows(t->model, &rows);
    const lm_optimizer_array *a = lm_optimizer_arrays(t->optimizer, &states);
    *state = i - rows;
    return t->ranks.comm && *state >= 0 && *state < states && !a[*state].whole;
}

static int64_t elements_of(const lm_checkpoint_array *a) {
    int64_t n = 1;
    for (int d = 0; d < a->ndim; d++) n *= a->shape[d];
    return n;
}

lm_optimizer_array lm_ranks_part(const lm_trainer *t, int64_t state, int rank) {
    const lm_exchange *x = &t->ranks.exchange;
    const lm_optimizer_slice slice = {lm_exchange_shares(x, rank), x->n_spans,
                                      lm_model_dense(t->model)};
    return lm_optimizer_array_of(t->optimizer, state, &slice);
}

/* ---- the others -------------------------------------------------------------------------------*/

static bool states_are_finite(const lm_trainer *t) {
    int64_t n;
    const float *states = lm_optimizer_flat(t->optimizer, &n);
    return isfinite(lm_gradient_norm(&t->compute, n, states));
}

/* This rank's part of it. */
static lm_status share_finite(lm_trainer *t, bool *finite, lm_error *err) {
    lm_comm *c = t->ranks.comm;
    unsigned char *all = calloc((size_t)lm_comm_size(c), 1);
    if (!all) return lm_error_no_memory(err, NULL);
    all[lm_comm_rank(c)] = states_are_finite(t);
    lm_status status = lm_comm_all_equal(c, all, 1, err);
    *finite = memchr(all, 0, (size_t)lm_comm_size(c)) == NULL;
    free(all);
    return status;
}

static lm_status send_part(lm_trainer *t, int64_t i, lm_error *err) {
    int64_t n, state;
    const lm_optimizer_array *a = lm_optimizer_arrays(t->optimizer, &n);
    LM_ASSERT(lm_ranks_is_sliced(t, i, &state));
    lm_comm_send(t->ranks.batch, 0, a[state].data, (size_t)a[state].count * sizeof(float));
    return lm_comm_wait(t->ranks.batch, err);
}

static lm_status take_part(lm_trainer *t, int64_t i, lm_error *err) {
    int64_t n, state, count = elements_of(&t->arrays[i]);
    const lm_optimizer_array *a = lm_optimizer_arrays(t->optimizer, &n);
    if (lm_ranks_is_sliced(t, i, &state)) count = a[state].count;
    lm_comm_receive(t->ranks.batch, 0, t->arrays[i].data, (size_t)count * sizeof(float));
    return lm_comm_wait(t->ranks.batch, err);
}

static lm_status serve(lm_trainer *t, lm_error *err) {
    lm_ranks_request r = {.kind = LM_RANKS_CHECK};
    lm_status status = LM_OK;
    bool aside;
    while (status == LM_OK && r.kind != LM_RANKS_DONE) {
        if ((status = lm_comm_broadcast(t->ranks.comm, 0, &r, sizeof r, err)) != LM_OK) break;
        if (r.kind == LM_RANKS_CHECK) status = share_finite(t, &aside, err);
        if (r.kind == LM_RANKS_SEND) status = send_part(t, r.array, err);
        if (r.kind == LM_RANKS_TAKE) status = take_part(t, r.array, err);
        if (r.kind == LM_RANKS_MEET) status = lm_ranks_serve_files(t, -1, err);
        if (r.kind == LM_RANKS_WRITE) status = lm_ranks_serve_files(t, r.array, err);
    }
    return status;
}

/* ---- rank 0 -----------------------------------------------------------------------------------*/

lm_status lm_ranks_note_lost(lm_trainer *t, lm_status status) {
    t->ranks.lost |= status != LM_OK;
    return status;
}

lm_status lm_ranks_ask(lm_trainer *t, lm_ranks_kind kind, int64_t array, lm_error *err) {
    lm_ranks_request r = {kind, array};
    return lm_ranks_note_lost(t, lm_comm_broadcast(t->ranks.comm, 0, &r, sizeof r, err));
}

lm_status lm_ranks_lead(lm_trainer *t, lm_status (*work)(lm_trainer *t, lm_error *err),
                        lm_error *err) {
    lm_error aside;
    if (!t->ranks.comm) return work(t, err);
    if (!lm_ranks_first(&t->ranks)) {
        lm_status status = serve(t, err);
        return status == LM_OK ? lm_comm_agree(t->ranks.comm, LM_OK, err) : status;
    }
    lm_status status = work(t, err);
    if (t->ranks.lost) return status;
    if (lm_ranks_ask(t, LM_RANKS_DONE, 0, &aside) != LM_OK) {
        if (status == LM_OK) *err = aside;
        return err->code;
    }
    return lm_comm_agree(t->ranks.comm, status, err);
}

lm_status lm_ranks_check_states(lm_trainer *t, bool *finite, lm_error *err) {
    lm_status status = LM_OK;
    if (!t->ranks.comm) {
        *finite = states_are_finite(t);
        return LM_OK;
    }
    if ((status = lm_ranks_ask(t, LM_RANKS_CHECK, 0, err)) != LM_OK) return status;
    return lm_ranks_note_lost(t, share_finite(t, finite, err));
}

/* *data: the array as a whole, until the next call. */
static lm_status fetch(void *argument, int64_t i, const float **data, lm_error *err) {
    lm_trainer *t = argument;
    lm_ranks *r = &t->ranks;
    int64_t state;
    *data = t->arrays[i].data;
    if (!lm_ranks_is_sliced(t, i, &state)) return LM_OK;
    lm_status status = lm_ranks_ask(t, LM_RANKS_SEND, i, err);
    if (status != LM_OK) return status;
    for (int q = 1; q < lm_comm_size(r->comm); q++) {
        lm_optimizer_array part = lm_ranks_part(t, state, q);
        lm_comm_receive(r->batch, q, r->whole + part.first, (size_t)part.count * sizeof(float));
    }
    lm_optimizer_array own = lm_ranks_part(t, state, 0);
    memcpy(r->whole + own.first, t->arrays[i].data, (size_t)own.count * sizeof(float));
    *data = r->whole;
    return lm_ranks_note_lost(t, lm_comm_wait(r->batch, err));
}

lm_status lm_ranks_write(lm_trainer *t, const char *path, const lm_checkpoint_text *texts,
                         int64_t n_texts, const char *meta, lm_error *err) {
    const lm_checkpoint_fetch from = {fetch, t};
    if (t->ranks.comm && t->config->dist.shared_filesystem)
        return lm_ranks_write_together(t, path, texts, n_texts, meta, err);
    return lm_checkpoint_write_from(path, t->arrays, lm_trainer_arrays(t),
                                    t->ranks.comm ? &from : NULL, texts, n_texts, meta, t->pool,
                                    NULL, err);
}

/* Sends what was read of the array, or of a state its parts. */
static lm_status give(lm_trainer *t, int64_t i, const float *data, lm_error *err) {
    lm_ranks *r = &t->ranks;
    int64_t state;
    bool sliced = lm_ranks_is_sliced(t, i, &state);
    lm_status status = lm_ranks_ask(t, LM_RANKS_TAKE, i, err);
    if (status != LM_OK) return status;
    for (int q = 1; q < lm_comm_size(r->comm); q++) {
        lm_optimizer_array part = {.count = elements_of(&t->arrays[i])};
        if (sliced) part = lm_ranks_part(t, state, q);
        lm_comm_send(r->batch, q, data + part.first, (size_t)part.count * sizeof(float));
    }
    lm_optimizer_array own = {0};
    if (sliced) own = lm_ranks_part(t, state, 0);
    if (sliced) memcpy(t->arrays[i].data, data + own.first, (size_t)own.count * sizeof(float));
    return lm_ranks_note_lost(t, lm_comm_wait(r->batch, err));
}

/* Is the array the gap of a row's average? NULL: no. */
static const lm_param *row_with_gap(const lm_trainer *t, int64_t i) {
    int64_t rows, states;
    const lm_param *row = lm_model_rows(t->model, &rows);
    const lm_optimizer_array *a = lm_optimizer_arrays(t->optimizer, &states);
    if (i < rows || i >= rows + states || strcmp(a[i - rows].state, LM_AVERAGE_GAP) != 0)
        return NULL;
    while (row->name != a[i - rows].row) row++;
    return row;
}

/* Was the checkpoint written without them: by a run that kept no average, or one that kept that of
 * tables as it keeps that of all other rows? */
static bool lacks_gaps(const lm_trainer *t, const lm_checkpoint *c) {
    for (int64_t i = 0; i < t->n_arrays; i++) {
        const lm_param *row = row_with_gap(t, i);
        if (row) return !lm_saved_has(c, LM_AVERAGE_GAP, row);
    }
    return false;
}

/* Overwrites gap: a - w, 0 without an average. The weights are read already. */
static lm_status make_gap(const lm_trainer *t, lm_checkpoint *c, const lm_param *row, float *gap,
                          lm_error *err) {
    const float *w = lm_model_weights(t->model) + row->offset;
    if (t->state.averaged == 0) {
        memset(gap, 0, (size_t)row->count * sizeof *gap);
        return LM_OK;
    }
    const lm_checkpoint_array average = lm_saved_array(LM_SAVED_AVERAGE, row, gap);
    lm_status status = lm_checkpoint_read(c, &average, 1, t->pool, err);
    for (int64_t k = 0; k < row->count && status == LM_OK; k++) gap[k] -= w[k];
    return status;
}

static lm_status read_one(lm_trainer *t, lm_checkpoint *c, const char *path, int64_t i,
                          lm_error *err) {
    lm_checkpoint_array array = t->arrays[i];
    int64_t state;
    if (lm_ranks_is_sliced(t, i, &state)) array.data = t->ranks.whole;
    const lm_param *row = row_with_gap(t, i);
    lm_status status = row && !lm_saved_has(c, LM_AVERAGE_GAP, row)
                           ? make_gap(t, c, row, array.data, err)
                           : lm_checkpoint_read(c, &array, 1, t->pool, err);
    if (status == LM_OK) status = lm_saved_check_finite(path, &array, 1, err);
    return status == LM_OK && t->ranks.comm ? give(t, i, array.data, err) : status;
}

lm_status lm_ranks_read(lm_trainer *t, lm_checkpoint *c, const char *path, lm_error *err) {
    const int64_t n = lm_trainer_arrays(t);
    lm_status status = LM_OK;
    if (!t->ranks.comm && !lacks_gaps(t, c)) {
        status = lm_checkpoint_read(c, t->arrays, n, t->pool, err);
        return status == LM_OK ? lm_saved_check_finite(path, t->arrays, n, err) : status;
    }
    for (int64_t i = 0; i < n && status == LM_OK; i++) status = read_one(t, c, path, i, err);
    return status;
}

/* ---- where the run goes on --------------------------------------------------------------------*/

typedef struct start {
    lm_run_state state;
    int64_t newest_step, saved_step;
    bool finished, paused, saved, offsets;
    char path[4096];
} start;

lm_status lm_ranks_share_start(lm_trainer *t, lm_error *err) {
    start *s = t->ranks.comm ? calloc(1, sizeof *s) : NULL;
    if (!t->ranks.comm) return LM_OK;
    if (!s) return lm_error_no_memory(err, NULL);
    *s = (start){.state = t->state,
                 .newest_step = t->newest_step,
                 .saved_step = t->saved_step,
                 .finished = t->finished,
                 .paused = t->paused,
                 .saved = t->saved != NULL,
                 .offsets = t->config->data.offsets};
    if (t->saved) strncpy(s->path, t->saved, sizeof s->path - 1);
    lm_status status = lm_comm_broadcast(t->ranks.comm, 0, s, sizeof *s, err);
    if (status == LM_OK && !lm_ranks_first(&t->ranks)) {
        t->state = s->state;
        t->newest_step = s->newest_step;
        t->saved_step = s->saved_step;
        t->finished = s->finished;
        t->paused = s->paused;
        if (s->saved && !(t->saved = strdup(s->path))) status = lm_error_no_memory(err, NULL);
        if (status == LM_OK && s->offsets != t->config->data.offsets)
            status = lm_setup_take_offsets(&t->setup, s->offsets, err);
    }
    free(s);
    return status;
}
