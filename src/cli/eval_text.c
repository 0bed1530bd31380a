#include "cli/eval_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "tokenizer/encoding.h"

enum { PIECE = 1 << 20 }; /* bytes of text read at a time */

typedef struct job {
    const lm_eval_text *e;
    lm_eval_text_result *result;
    lm_model *model; /* NULL: not made yet */
    int32_t *held;   /* [capacity]: tokens of windows that are not evaluated yet */
    int64_t n_held, capacity;
    int32_t *windows; /* [rows, T + 1] of the model */
    bool done;        /* there are as many tokens as were asked for */
} job;

static lm_status make_model(job *j, int64_t rows, int64_t time, lm_error *err) {
    lm_status status = j->e->make(j->e->to, rows, time, &j->model, err);
    if (status != LM_OK) return status;
    j->windows = calloc((size_t)rows * (size_t)(time + 1), sizeof *j->windows);
    return j->windows ? LM_OK : lm_error_no_memory(err, "--text");
}

/* Evaluates `rows` windows of `time` tokens and the one behind them, which is kept. */
static lm_status evaluate(job *j, int64_t rows, int64_t time, lm_error *err) {
    lm_eval_text_result *r = j->result;
    if (rows == 0 || time == 0 || j->done) return LM_OK;
    lm_status status = j->model ? LM_OK : make_model(j, rows, time, err);
    if (status != LM_OK) return status;
    for (int64_t b = 0; b < rows; b++) {
        const int32_t *from = j->held + b * time;
        memcpy(j->windows + b * (time + 1), from, (size_t)(time + 1) * sizeof *from);
        for (int64_t t = 1; t <= time; t++)
            r->bytes += lm_tokenizer_text_bytes(j->e->tokenizer, from[t]);
    }
    lm_model_loss(j->model, j->windows, rows, time);
    for (int64_t b = 0; b < rows; b++) r->loss += lm_model_window_loss(j->model, b);
    if (j->e->losses)
        lm_token_losses_add(j->e->losses, j->windows, lm_model_losses(j->model), rows, time);
    r->tokens += rows * time;
    j->n_held -= rows * time;
    memmove(j->held, j->held + rows * time, (size_t)j->n_held * sizeof *j->held);
    j->done = j->e->max_tokens > 0 && r->tokens >= j->e->max_tokens;
    return LM_OK;
}

/* Room for n tokens more. */
static lm_status reserve(job *j, int64_t n, lm_error *err) {
    if (j->n_held + n <= j->capacity) return LM_OK;
    int64_t capacity = lm_max(j->n_held + n, 2 * j->capacity);
    int32_t *grown = realloc(j->held, (size_t)capacity * sizeof *grown);
    if (!grown) return lm_error_no_memory(err, "--text");
    j->held = grown;
    j->capacity = capacity;
    return LM_OK;
}

static lm_status take_tokens(void *to, const int32_t *ids, int64_t n, lm_error *err) {
    job *j = to;
    const int64_t room = j->e->batch * j->e->time + 1;
    for (int64_t i = 0; i < n && !j->done;) {
        int64_t part = lm_min(n - i, room - j->n_held);
        for (int64_t k = i; k < i + part; k++)
            if (ids[k] >= j->e->vocab)
                return lm_error_set(err, LM_ERR_USAGE,
                                    "--text: token %d is outside the model's vocabulary of %lld",
                                    (int)ids[k], (long long)j->e->vocab);
        lm_status status = reserve(j, part, err);
        if (status != LM_OK) return status;
        memcpy(j->held + j->n_held, ids + i, (size_t)part * sizeof *ids);
        j->n_held += part;
        i += part;
        if (j->n_held == room) status = evaluate(j, j->e->batch, j->e->time, err);
        if (status != LM_OK) return status;
    }
    return LM_OK;
}

/* The windows that are whole, then the last one. */
static lm_status evaluate_rest(job *j, lm_error *err) {
    if (j->n_held == 0) return LM_OK;
    lm_status status = evaluate(j, (j->n_held - 1) / j->e->time, j->e->time, err);
    return status == LM_OK ? evaluate(j, 1, j->n_held - 1, err) : status;
}

static lm_status put_document(job *j, lm_encoding *encoding, lm_documents *from, char *piece,
                              lm_error *err) {
    const lm_tokenizer *t = j->e->tokenizer;
    bool first = j->result->documents++ == 0;
    int32_t begin = first && lm_tokenizer_separates(t) ? -1 : lm_tokenizer_document_token(t);
    size_t n = 1;
    lm_status status = lm_encoding_begin(encoding, j, begin, err);
    while (status == LM_OK && n > 0 && !j->done) {
        status = lm_documents_read(from, piece, PIECE, &n, err);
        if (status == LM_OK) status = lm_encoding_put(encoding, piece, n, err);
    }
    return status;
}

lm_status lm_eval_text_run(const lm_eval_text *e, const lm_tokenize_input *input,
                           lm_eval_text_result *result, lm_text *passed, lm_error *err) {
    job j = {.e = e, .result = result};
    lm_documents *from = NULL;
    lm_encoding *encoding = NULL;
    lm_document document;
    bool more = true;
    *result = (lm_eval_text_result){0};
    char *piece = malloc(PIECE);
    lm_status status = piece ? LM_OK : lm_error_no_memory(err, "--text");
    if (status != LM_OK) goto out;
    status = lm_encoding_open(&encoding, e->tokenizer, e->pool, take_tokens, err);
    if (status != LM_OK) goto out;
    if ((status = lm_tokenize_input_open(&from, input, NULL, err)) != LM_OK) goto out;
    while (status == LM_OK && more && !j.done) {
        status = lm_documents_next(from, &document, &more, err);
        if (status == LM_OK && more) status = put_document(&j, encoding, from, piece, err);
    }
    if (status == LM_OK && !j.done) status = lm_encoding_finish(encoding, err);
    if (status == LM_OK) status = evaluate_rest(&j, err);
    if (status != LM_OK) goto out;
    lm_documents_report(from, passed);
    if (result->tokens == 0)
        status = lm_error_set(err, LM_ERR_USAGE,
                              "--text: expected at least two tokens of text, found %lld",
                              (long long)j.n_held);
out:
    lm_documents_close(from);
    lm_encoding_close(encoding);
    lm_model_free(j.model);
    free(j.windows);
    free(j.held);
    free(piece);
    return status;
}
