#include "train/evaluate.h"

#include <math.h>
#include <stdlib.h>

#include "base/numbers.h"

/* The number of windows to evaluate; the i-th of them is window_at of it. */
static int64_t windows_to_evaluate(const lm_sampler *s, int64_t max_tokens) {
    if (max_tokens <= 0) return s->windows;
    return lm_min(s->windows, lm_divide_up(max_tokens, s->how.context_length));
}

/* i * windows / n, without overflow */
static int64_t window_at(const lm_sampler *s, int64_t i, int64_t n) {
    return i * (s->windows / n) + i * (s->windows % n) / n;
}

/* Models that share the windows of a batch. */
static int64_t models_of(const lm_evaluation *e) {
    return e->abreast ? e->abreast->count : 1;
}

/* The windows of a batch that each model has. */
static int64_t share_of(const lm_evaluation *e, int64_t batch) {
    return lm_divide_up(batch, models_of(e));
}

typedef struct shares {
    const lm_evaluation *e;
    int64_t batch;
} shares;

static void compute_share(void *argument, int64_t i, lm_model *model) {
    const shares *s = argument;
    const int64_t time = s->e->sampler->how.context_length, each = share_of(s->e, s->batch);
    const int64_t first = i * each, n = lm_min(s->batch - first, each);
    if (n > 0) lm_model_loss(model, s->e->tokens + first * (time + 1), n, time);
}

/* Of window b of a batch that was computed. */
static double window_loss(const lm_evaluation *e, int64_t batch, int64_t b) {
    const int64_t each = share_of(e, batch);
    const lm_model *model = models_of(e) > 1 ? e->abreast->models[b / each] : e->model;
    return lm_model_window_loss(model, b % each);
}

/* The losses of windows i .. i + batch - 1 of n: window_loss has them then. */
static lm_status compute(const lm_evaluation *e, int64_t i, int64_t batch, int64_t n,
                         lm_error *err) {
    const int64_t time = e->sampler->how.context_length;
    for (int64_t b = 0; b < batch; b++) {
        lm_status status = lm_sampler_window_in_order(e->sampler, window_at(e->sampler, i + b, n),
                                                      e->tokens + b * (time + 1), err);
        if (status != LM_OK) return status;
    }
    shares s = {e, batch};
    if (models_of(e) > 1)
        lm_abreast_run(e->abreast, compute_share, &s);
    else
        compute_share(&s, 0, e->model);
    return LM_OK;
}

static lm_status evaluate_alone(const lm_evaluation *e, int64_t n, int (*stop)(void), double *sum,
                                bool *stopped, lm_error *err) {
    for (int64_t i = 0, batch; i < n && !*stopped; i += batch) {
        batch = lm_min(n - i, e->batch * models_of(e));
        if ((*stopped = stop && stop())) break;
        lm_status status = compute(e, i, batch, n, err);
        if (status != LM_OK) return status;
        for (int64_t b = 0; b < batch; b++) *sum += window_loss(e, batch, b);
        if (e->each)
            e->each(e->to, e->tokens, lm_model_losses(e->model), batch,
                    e->sampler->how.context_length);
    }
    return LM_OK;
}

/* Each rank computes a run of the windows into its place of losses [n]. */
static lm_status evaluate_part(const lm_evaluation *e, int64_t n, double *losses, bool *stopped,
                               lm_error *err) {
    const int ranks = lm_comm_size(e->ranks->comm), rank = lm_comm_rank(e->ranks->comm);
    int64_t i = n * rank / ranks, end = n * (rank + 1) / ranks;
    /* As many rounds in each, since all ask in each round. */
    const int64_t most = e->batch * models_of(e);
    for (int64_t round = lm_divide_up(lm_divide_up(n, ranks), most); round > 0; round--) {
        int64_t batch = lm_min(end - i, most);
        int stop;
        lm_status status = lm_ranks_ask_stop(e->ranks, &stop, err);
        if (status != LM_OK || (*stopped = stop != 0)) return status;
        if (batch > 0 && (status = compute(e, i, batch, n, err)) != LM_OK) return status;
        for (int64_t b = 0; b < batch; b++) losses[i + b] = window_loss(e, batch, b);
        i += batch;
    }
    return LM_OK;
}

static lm_status evaluate_shared(const lm_evaluation *e, int64_t n, double *sum, bool *stopped,
                                 lm_error *err) {
    const int ranks = lm_comm_size(e->ranks->comm);
    double *losses = calloc((size_t)n + 1, sizeof *losses);
    size_t *places = calloc((size_t)ranks + 1, sizeof *places);
    lm_status status = losses && places ? LM_OK : lm_error_no_memory(err, NULL);
    if (status != LM_OK) goto out;
    if ((status = evaluate_part(e, n, losses, stopped, err)) != LM_OK || *stopped) goto out;
    for (int r = 0; r <= ranks; r++) places[r] = (size_t)(n * r / ranks) * sizeof *losses;
    status = lm_comm_all(e->ranks->comm, losses, places, err);
    for (int64_t i = 0; i < n; i++) *sum += losses[i];
out:
    free(losses);
    free(places);
    return status;
}

lm_status lm_evaluate(const lm_evaluation *e, int (*stop)(void), double *loss, int64_t *evaluated,
                      lm_error *err) {
    const int64_t n = windows_to_evaluate(e->sampler, e->max_tokens);
    const int64_t tokens = n * e->sampler->how.context_length;
    double sum = 0;
    bool stopped = false;
    LM_ASSERT(!e->each || models_of(e) == 1); /* the losses of tokens are those of one model */
    *loss = NAN;
    *evaluated = 0;
    lm_status status = e->ranks && e->ranks->comm ? evaluate_shared(e, n, &sum, &stopped, err)
                                                  : evaluate_alone(e, n, stop, &sum, &stopped, err);
    if (status != LM_OK || stopped) return status;
    *evaluated = tokens;
    *loss = sum / (double)tokens;
    return LM_OK;
}

lm_status lm_evaluation_bytes(const lm_sampler *s, int64_t max_tokens, const lm_tokenizer *t,
                              double *bytes_per_token, lm_error *err) {
    const int64_t time = s->how.context_length, n = windows_to_evaluate(s, max_tokens);
    int32_t *ids = malloc((size_t)(time + 1) * sizeof *ids);
    int64_t bytes = 0;
    lm_status status = ids ? LM_OK : lm_error_no_memory(err, NULL);
    for (int64_t i = 0; i < n && status == LM_OK; i++) {
        status = lm_sampler_window_in_order(s, window_at(s, i, n), ids, err);
        for (int64_t k = 1; k <= time && status == LM_OK; k++)
            bytes += lm_tokenizer_text_bytes(t, ids[k]);
    }
    *bytes_per_token = (double)bytes / (double)(n * time);
    free(ids);
    return status;
}
