#include "tokenizer/encoding.h"

#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "tokenizer/kind.h"

/* Bytes: a task is some hundred times what starting it costs, and small enough that threads end
 * together; a batch has several for each thread. */
enum { TASK = 1 << 18, TASKS_PER_THREAD = 4 };

/* Text that is encoded as one: a document, or a part between two cuts. */
typedef struct chunk {
    size_t begin, end; /* in the text gathered */
    void *to;
    int32_t first; /* -1: none */
    bool rest;     /* it begins at a cut */
    int64_t count; /* of its tokens */
} chunk;

/* Chunks that one worker encodes after one another. */
typedef struct task {
    size_t first_chunk, chunks;
    lm_token_list tokens; /* of all of them */
} task;

struct lm_encoding {
    const lm_tokenizer *tokenizer;
    lm_pool *pool;
    lm_token_sink *sink;
    lm_encoder **encoders; /* per worker */
    lm_error *errors;      /* likewise */
    lm_text text;
    chunk *chunks; /* the last one is the document at hand, which may go on */
    size_t n_chunks, chunks_capacity;
    task *tasks;
    size_t n_tasks, tasks_capacity;
    size_t searched; /* in the document at hand there is no cut up to here */
    size_t batch;    /* bytes of text to gather */
};

lm_status lm_encoding_open(lm_encoding **out, const lm_tokenizer *t, lm_pool *pool,
                           lm_token_sink *sink, lm_error *err) {
    int threads = lm_pool_threads(pool);
    lm_status status = LM_OK;
    lm_encoding *e = *out = calloc(1, sizeof *e);
    if (!e) return lm_error_no_memory(err, "encoding");
    e->tokenizer = t;
    e->pool = pool;
    e->sink = sink;
    e->batch = (size_t)TASK * TASKS_PER_THREAD * (size_t)threads;
    e->encoders = calloc((size_t)threads, sizeof(lm_encoder *));
    e->errors = calloc((size_t)threads, sizeof *e->errors);
    if (!e->encoders || !e->errors) status = lm_error_no_memory(err, "encoding");
    for (int i = 0; i < threads && status == LM_OK; i++)
        status = lm_encoder_open(&e->encoders[i], t, err);
    if (status != LM_OK) {
        lm_encoding_close(e);
        *out = NULL;
    }
    return status;
}

void lm_encoding_close(lm_encoding *e) {
    if (!e) return;
    for (int i = 0; e->encoders && i < lm_pool_threads(e->pool); i++)
        lm_encoder_close(e->encoders[i]);
    for (size_t i = 0; i < e->tasks_capacity; i++) lm_token_list_free(&e->tasks[i].tokens);
    free(e->encoders);
    free(e->errors);
    free(e->chunks);
    free(e->tasks);
    lm_text_free(&e->text);
    free(e);
}

/* ---- cutting ----------------------------------------------------------------------------------*/

static lm_status add_chunk(lm_encoding *e, chunk c, lm_error *err) {
    if (e->n_chunks == e->chunks_capacity) {
        size_t room = lm_size_max(256, 2 * e->chunks_capacity);
        chunk *grown = realloc(e->chunks, room * sizeof *grown);
        if (!grown) return lm_error_no_memory(err, "encoding");
        e->chunks = grown;
        e->chunks_capacity = room;
    }
    e->chunks[e->n_chunks++] = c;
    return LM_OK;
}

/* Ends the last chunk at a cut, behind which the document goes on in a new one. */
static lm_status cut_last(lm_encoding *e, size_t at, lm_error *err) {
    chunk *last = &e->chunks[e->n_chunks - 1];
    chunk rest = {.begin = at, .end = last->end, .to = last->to, .first = -1, .rest = true};
    last->end = at;
    return add_chunk(e, rest, err);
}

/* Cuts the last chunk into parts of TASK bytes, as near as its cuts allow, while it is longer. */
static lm_status cut_text(lm_encoding *e, lm_error *err) {
    lm_status status = LM_OK;
    while (status == LM_OK) {
        const chunk *last = &e->chunks[e->n_chunks - 1];
        size_t size = last->end - last->begin, from = e->searched - last->begin;
        if (from == size || size < TASK) break;
        size_t limit = lm_size_min(from + TASK, size);
        size_t cut =
            e->tokenizer->kind->cut(e->tokenizer, e->text.data + last->begin, size, from, limit);
        e->searched = last->begin + (cut > from ? cut : limit);
        if (cut > from) status = cut_last(e, last->begin + cut, err);
    }
    return status;
}

/* ---- encoding ---------------------------------------------------------------------------------*/

static lm_status add_task(lm_encoding *e, size_t first, size_t chunks, lm_error *err) {
    if (e->n_tasks == e->tasks_capacity) {
        size_t room = lm_size_max(64, 2 * e->tasks_capacity);
        task *grown = realloc(e->tasks, room * sizeof *grown);
        if (!grown) return lm_error_no_memory(err, "encoding");
        memset(grown + e->tasks_capacity, 0, (room - e->tasks_capacity) * sizeof *grown);
        e->tasks = grown;
        e->tasks_capacity = room;
    }
    task *t = &e->tasks[e->n_tasks++];
    t->first_chunk = first;
    t->chunks = chunks;
    t->tokens.count = 0;
    return LM_OK;
}

/* The first n chunks as tasks of about TASK bytes. */
static lm_status make_tasks(lm_encoding *e, size_t n, lm_error *err) {
    e->n_tasks = 0;
    for (size_t first = 0, i = 0; first < n; first = i) {
        size_t begin = e->chunks[first].begin;
        do i++;
        while (i < n && e->chunks[i].end - begin <= TASK);
        lm_status status = add_task(e, first, i - first, err);
        if (status != LM_OK) return status;
    }
    return LM_OK;
}

static void encode_task(void *argument, int64_t number, int worker) {
    lm_encoding *e = argument;
    task *t = &e->tasks[number];
    for (size_t i = 0; i < t->chunks && e->errors[worker].code == LM_OK; i++) {
        chunk *c = &e->chunks[t->first_chunk + i];
        int64_t before = t->tokens.count;
        e->tokenizer->kind->encode(e->encoders[worker], lm_text_cstr(&e->text) + c->begin,
                                   c->end - c->begin, c->rest, &t->tokens, &e->errors[worker]);
        c->count = t->tokens.count - before;
    }
}

static lm_status deliver(const lm_encoding *e, lm_error *err) {
    lm_status status = LM_OK;
    for (size_t i = 0; i < e->n_tasks; i++) {
        const task *t = &e->tasks[i];
        const int32_t *ids = t->tokens.ids;
        for (size_t j = 0; j < t->chunks && status == LM_OK; j++) {
            const chunk *c = &e->chunks[t->first_chunk + j];
            if (c->first >= 0) status = e->sink(c->to, &c->first, 1, err);
            if (status == LM_OK && c->count > 0) status = e->sink(c->to, ids, c->count, err);
            ids += c->count;
        }
    }
    return status;
}

/* Encodes the first n chunks and forgets them and their text. */
static lm_status encode_chunks(lm_encoding *e, size_t n, lm_error *err) {
    lm_status status = make_tasks(e, n, err);
    if (status != LM_OK || n == 0) return status;
    lm_pool_run(e->pool, (int64_t)e->n_tasks, encode_task, e);
    for (int i = 0; i < lm_pool_threads(e->pool); i++) {
        if (e->errors[i].code == LM_OK) continue;
        *err = e->errors[i];
        return err->code;
    }
    if ((status = deliver(e, err)) != LM_OK) return status;
    size_t gone = e->chunks[n - 1].end;
    if (gone > 0) memmove(e->text.data, e->text.data + gone, e->text.length - gone);
    e->text.length -= gone;
    e->searched -= lm_size_min(gone, e->searched);
    e->n_chunks -= n;
    memmove(e->chunks, e->chunks + n, e->n_chunks * sizeof *e->chunks);
    for (size_t i = 0; i < e->n_chunks; i++) {
        e->chunks[i].begin -= gone;
        e->chunks[i].end -= gone;
    }
    return LM_OK;
}

/* ---- documents --------------------------------------------------------------------------------*/

lm_status lm_encoding_begin(lm_encoding *e, void *to, int32_t first, lm_error *err) {
    size_t at = e->text.length;
    e->searched = at;
    return add_chunk(e, (chunk){.begin = at, .end = at, .to = to, .first = first}, err);
}

lm_status lm_encoding_put(lm_encoding *e, const char *text, size_t size, lm_error *err) {
    lm_status status = LM_OK;
    LM_ASSERT(e->n_chunks > 0);
    while (size > 0 && status == LM_OK) {
        /* A batch at a time; one that cannot be cut grows until it can. */
        size_t room = e->batch - lm_size_min(e->text.length % e->batch, e->batch - 1);
        size_t n = lm_size_min(size, room);
        lm_text_append(&e->text, text, n);
        if (e->text.failed) return lm_error_no_memory(err, "text to encode");
        e->chunks[e->n_chunks - 1].end += n;
        text += n;
        size -= n;
        if ((status = cut_text(e, err)) != LM_OK) break;
        if (e->text.length >= e->batch) status = encode_chunks(e, e->n_chunks - 1, err);
    }
    return status;
}

lm_status lm_encoding_finish(lm_encoding *e, lm_error *err) {
    return encode_chunks(e, e->n_chunks, err);
}
