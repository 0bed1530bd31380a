/* The weights out of another program's files, on all threads. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/numbers.h"
#include "interop/decode.h"
#include "interop/source_parts.h"
#include "machine/stop.h"

/* Elements that a task reads: the bytes and the floats of as many fit into a core's second
 * cache. */
enum { PIECE = 1 << 16 };

/* What a thread has of its own. */
typedef struct worker {
    unsigned char *bytes; /* as they are in the file */
    float *scales, *x;
    int64_t failed; /* the least task that failed; -1: none */
    lm_error err;
} worker;

typedef struct reading {
    const lm_interop_source *s;
    float *weights;
    int64_t *first; /* [count + 1] tasks: where those of a tensor begin */
    worker *workers;
    int n_workers;
} reading;

/* Rows of theirs that a task takes. */
static int64_t rows_of_task(const lm_interop_tensor *t) {
    return lm_max(1, PIECE / lm_max(1, t->shape[1]));
}

/* Bytes and floats of the largest task. */
static int64_t most_elements(const lm_interop_source *s) {
    int64_t most = PIECE;
    for (int64_t i = 0; i < s->count; i++) most = lm_max(most, s->tensors[i].shape[1]);
    return most;
}

/* ---- a piece ----------------------------------------------------------------------------------*/

static lm_status read_groups(const lm_interop_stored *from, worker *w, int64_t begin, int64_t n,
                             lm_error *err) {
    const int64_t group = from->group, first = begin / group;
    const int64_t groups = lm_divide_up(begin + n, group) - first;
    lm_status status =
        lm_file_reader_at(from->file, from->offset + (uint64_t)begin, w->bytes, (size_t)n, err);
    if (status == LM_OK)
        status = lm_file_reader_at(from->file, from->scales + (uint64_t)first * sizeof(float),
                                   w->scales, (size_t)groups * sizeof(float), err);
    for (int64_t i = 0; status == LM_OK && i < n; i++)
        w->x[i] = (float)(int8_t)w->bytes[i] * w->scales[(begin + i) / group - first];
    return status;
}

/* Elements [begin, begin + n) of the tensor into x: whole rows, so whole blocks. */
static lm_status read_elements(const lm_interop_stored *from, worker *w, int64_t begin, int64_t n,
                               float *x, lm_error *err) {
    uint64_t before, bytes;
    if (from->element == LM_INTEROP_INT8_GROUPS) return read_groups(from, w, begin, n, err);
    bool whole = lm_element_bytes(from->element, begin, &before) &&
                 lm_element_bytes(from->element, n, &bytes);
    LM_ASSERT(whole);
    void *to = from->element == LM_ELEMENT_F32 ? (void *)x : (void *)w->bytes;
    lm_status status = lm_file_reader_at(from->file, from->offset + before, to, (size_t)bytes, err);
    if (status == LM_OK && to != x) lm_interop_decode(from->element, w->bytes, n, x);
    return status;
}

static lm_status check_finite(const lm_interop_source *s, const lm_interop_tensor *t, int64_t row,
                              const float *x, int64_t n, lm_error *err) {
    int64_t at = 0;
    while (at < n && isfinite(x[at])) at++;
    if (at == n) return LM_OK;
    return lm_error_set(err, LM_ERR_RUNTIME,
                        "%s: tensor %s, element [%lld, %lld]: expected a finite number, found %g",
                        s->path, t->name, (long long)(row + at / t->shape[1]),
                        (long long)(at % t->shape[1]), (double)x[at]);
}

/* The class has this bias and our model has not: only zeros mean the same. */
static lm_status check_zeros(const lm_interop_source *s, const lm_interop_tensor *t, const float *x,
                             int64_t n, lm_error *err) {
    for (int64_t i = 0; i < n; i++)
        if (x[i] != 0)
            return lm_error_set(err, LM_ERR_USAGE,
                                "%s: tensor %s: expected zeros, since lmtrain's model has no such"
                                " bias, found %g",
                                s->path, t->name, (double)x[i]);
    return LM_OK;
}

/* Do our rows lie as theirs do? Then elements may be read to their place. */
static bool is_plain(const lm_interop_tensor *t) {
    return t->offset >= 0 && !t->transposed && t->head_size == 0 && t->add == 0 &&
           t->rows == t->shape[0];
}

static lm_status read_piece(const reading *r, worker *w, int64_t tensor, int64_t row,
                            lm_error *err) {
    const lm_interop_tensor *t = &r->s->tensors[tensor];
    const lm_interop_stored *from = &r->s->stored[tensor];
    const int64_t width = t->shape[1], rows = lm_min(rows_of_task(t), t->shape[0] - row);
    bool plain = is_plain(t) && from->element != LM_INTEROP_INT8_GROUPS;
    float *x = plain ? r->weights + t->offset + row * width : w->x;
    lm_status status = read_elements(from, w, row * width, rows * width, x, err);
    if (status == LM_OK) status = check_finite(r->s, t, row, x, rows * width, err);
    if (status == LM_OK && t->offset < 0) status = check_zeros(r->s, t, x, rows * width, err);
    if (status == LM_OK && !plain) lm_interop_take(t, x, row, rows, r->weights);
    return status;
}

static void task(void *argument, int64_t task, int number) {
    reading *r = argument;
    worker *w = &r->workers[number];
    if (w->failed >= 0) return; /* tasks of a worker rise: an earlier one counts */
    if (r->s->stops && lm_stop_pending() != 0) {
        w->failed = task;
        lm_error_set(&w->err, LM_ERR_INTERRUPTED, "%s: stopped by signal %d", r->s->path,
                     lm_stop_pending());
        return;
    }
    int64_t low = 0, high = r->s->count;
    while (high - low > 1) { /* first[low] <= task < first[high] */
        int64_t middle = (low + high) / 2;
        *(r->first[middle] <= task ? &low : &high) = middle;
    }
    int64_t row = (task - r->first[low]) * rows_of_task(&r->s->tensors[low]);
    if (read_piece(r, w, low, row, &w->err) != LM_OK) w->failed = task;
}

/* ---- all --------------------------------------------------------------------------------------*/

static lm_status prepare(reading *r, lm_error *err) {
    const lm_interop_source *s = r->s;
    const size_t most = (size_t)most_elements(s);
    r->first = calloc((size_t)s->count + 1, sizeof *r->first);
    r->workers = calloc((size_t)r->n_workers, sizeof *r->workers);
    if (!r->first || !r->workers) return lm_error_no_memory(err, s->path);
    for (int i = 0; i < r->n_workers; i++) {
        worker *w = &r->workers[i];
        w->failed = -1;
        w->bytes = malloc(most * sizeof(float));
        w->x = malloc(most * sizeof(float));
        w->scales = malloc((most + 2) * sizeof(float));
        if (!w->bytes || !w->x || !w->scales) return lm_error_no_memory(err, s->path);
    }
    for (int64_t i = 0; i < s->count; i++) {
        const lm_interop_tensor *t = &s->tensors[i];
        bool nowhere = !s->stored[i].file || t->is_head;
        r->first[i + 1] = r->first[i] + (nowhere ? 0 : lm_divide_up(t->shape[0], rows_of_task(t)));
    }
    return LM_OK;
}

lm_status lm_interop_read(const lm_interop_source *s, float *weights, lm_pool *pool,
                          lm_error *err) {
    reading r = {.s = s, .weights = weights, .n_workers = lm_pool_threads(pool)};
    lm_status status = prepare(&r, err);
    if (status != LM_OK) goto out;
    lm_pool_run(pool, r.first[s->count], task, &r);
    const worker *first = NULL;
    for (int i = 0; i < r.n_workers; i++) {
        const worker *w = &r.workers[i];
        if (w->failed >= 0 && (!first || w->failed < first->failed)) first = w;
    }
    if (first) {
        *err = first->err;
        status = err->code;
    }
out:
    for (int i = 0; r.workers && i < r.n_workers; i++) {
        free(r.workers[i].bytes);
        free(r.workers[i].x);
        free(r.workers[i].scales);
    }
    free(r.workers);
    free(r.first);
    return status;
}
