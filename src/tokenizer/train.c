#include "tokenizer/train.h"

#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "tokenizer/alphabet.h"
#include "tokenizer/kind.h"
#include "tokenizer/train_count.h"
#include "tokenizer/train_merge.h"

#define SEGMENT   ((size_t)128 << 10) /* bytes that a thread counts at a time, about */
#define HELD      ((size_t)8 << 20)   /* bytes that are gathered before they are counted */
#define OWN_MOST  ((uint64_t)1 << 17) /* pieces that a thread counts in a table of its own */
#define READ_PAST 16                  /* lm_piece_counts_add_text */

/* What the scanner sees as one text: a document, or what lies between two cuts. */
typedef struct segment {
    size_t begin, end;
} segment;

typedef struct task {
    int64_t first; /* segment; those before the first of the next task */
} task;

typedef struct worker {
    lm_piece_counts counts;
    bool failed; /* no memory */
} worker;

struct lm_bpe_trainer {
    const lm_split *split;
    lm_pool *pool;
    worker *workers;       /* [threads] */
    lm_piece_counts total; /* without what the workers hold */
    unsigned char *text;   /* [held], what is not counted yet */
    size_t held, capacity;
    size_t rest;     /* text from here on is not in segments yet: it is of the document at hand */
    size_t searched; /* from rest up to here there is no cut */
    size_t enough;   /* held bytes that are worth counting */
    segment *segments;
    int64_t n_segments, segments_capacity;
    task *tasks; /* [segments_capacity + 1] */
    int64_t n_tasks;
};

static lm_status no_memory(lm_error *err) {
    return lm_error_no_memory(err, "training a tokenizer");
}

lm_status lm_bpe_trainer_open(lm_bpe_trainer **out, const lm_split *split, lm_pool *pool,
                              lm_error *err) {
    lm_bpe_trainer *t = *out = calloc(1, sizeof *t);
    if (!t) return no_memory(err);
    *t = (lm_bpe_trainer){.split = split, .pool = pool, .enough = HELD};
    t->workers = calloc((size_t)lm_pool_threads(pool), sizeof *t->workers);
    if (t->workers) return LM_OK;
    lm_bpe_trainer_close(t);
    *out = NULL;
    return no_memory(err);
}

void lm_bpe_trainer_close(lm_bpe_trainer *t) {
    if (!t) return;
    for (int i = 0; t->workers && i < lm_pool_threads(t->pool); i++)
        lm_piece_counts_free(&t->workers[i].counts);
    lm_piece_counts_free(&t->total);
    free(t->workers);
    free(t->text);
    free(t->segments);
    free(t->tasks);
    free(t);
}

/* ---- counting ---------------------------------------------------------------------------------*/

static void count_task(void *argument, int64_t number, int thread) {
    lm_bpe_trainer *t = argument;
    worker *w = &t->workers[thread];
    for (int64_t i = t->tasks[number].first; i < t->tasks[number + 1].first && !w->failed; i++) {
        segment s = t->segments[i];
        w->failed = !lm_piece_counts_add_text(&w->counts, t->split->scan, t->text + s.begin,
                                              s.end - s.begin);
    }
}

/* The counts of the workers that hold many pieces, or of all, go to the total. */
static lm_status gather(lm_bpe_trainer *t, bool all, lm_error *err) {
    for (int i = 0; i < lm_pool_threads(t->pool); i++) {
        worker *w = &t->workers[i];
        if (w->failed) return no_memory(err);
        if (!all && w->counts.n_short + w->counts.n_long < OWN_MOST) continue;
        if (!lm_piece_counts_add_all(&t->total, &w->counts)) return no_memory(err);
        lm_piece_counts_clear(&w->counts);
    }
    return LM_OK;
}

static lm_status add_segment(lm_bpe_trainer *t, size_t begin, size_t end, lm_error *err) {
    if (t->n_segments == t->segments_capacity) {
        size_t room = t->segments_capacity ? 2 * (size_t)t->segments_capacity : 256;
        segment *segments = realloc(t->segments, room * sizeof *segments);
        if (segments) t->segments = segments;
        task *tasks = realloc(t->tasks, (room + 1) * sizeof *tasks);
        if (tasks) t->tasks = tasks;
        if (!segments || !tasks) return no_memory(err);
        t->segments_capacity = (int64_t)room;
    }
    t->segments[t->n_segments++] = (segment){begin, end};
    return LM_OK;
}

/* Cuts text[rest .. end) into segments: a whole document's rest, or up to a cut. */
static lm_status add_segments(lm_bpe_trainer *t, size_t end, lm_error *err) {
    lm_status status = LM_OK;
    while (t->rest < end && status == LM_OK) {
        const unsigned char *text = t->text + t->rest;
        size_t size = end - t->rest, cut = 0, searched = 0;
        while (cut == searched && searched < size) {
            size_t limit = lm_size_min(lm_size_max(2 * searched, SEGMENT), size);
            cut = limit < size ? lm_scan_cut(text, size, searched, limit) : size;
            if (cut == searched) cut = searched = limit;
        }
        status = add_segment(t, t->rest, t->rest + cut, err);
        t->rest += cut;
    }
    t->searched = t->rest;
    return status;
}

/* Counts the segments; keeps the rest of the text. */
static lm_status count_segments(lm_bpe_trainer *t, lm_error *err) {
    if (t->n_segments == 0) return LM_OK;
    size_t bytes = SEGMENT;
    t->n_tasks = 0;
    for (int64_t i = 0; i < t->n_segments; i++) {
        if (bytes >= SEGMENT) {
            t->tasks[t->n_tasks++].first = i;
            bytes = 0;
        }
        bytes += t->segments[i].end - t->segments[i].begin;
    }
    t->tasks[t->n_tasks].first = t->n_segments;
    lm_pool_run(t->pool, t->n_tasks, count_task, t);
    t->n_segments = 0;
    t->held -= t->rest;
    memmove(t->text, t->text + t->rest, t->held);
    t->searched -= t->rest;
    t->rest = 0;
    return gather(t, false, err);
}

/* Of the document at hand what comes before its last cut. */
static lm_status count_some(lm_bpe_trainer *t, lm_error *err) {
    size_t cut = lm_scan_cut(t->text + t->rest, t->held - t->rest, t->searched - t->rest,
                             t->held - t->rest) +
                 t->rest;
    lm_status status = cut > t->searched ? add_segments(t, cut, err) : LM_OK;
    t->searched = t->held;
    if (status == LM_OK) status = count_segments(t, err);
    t->enough = lm_size_max(HELD, 2 * t->held);
    return status;
}

static bool reserve(lm_bpe_trainer *t, size_t size) {
    if (size <= t->capacity) return true;
    size_t room = lm_size_max(size, lm_size_min(2 * t->capacity, HELD)), bytes;
    unsigned char *grown = lm_size_add(room, READ_PAST, &bytes) ? realloc(t->text, bytes) : NULL;
    if (!grown) return false;
    memset(grown + t->capacity, 0, bytes - t->capacity);
    t->text = grown;
    t->capacity = room;
    return true;
}

lm_status lm_bpe_trainer_put(lm_bpe_trainer *t, const char *text, size_t size, lm_error *err) {
    lm_status status = LM_OK;
    while (size > 0 && status == LM_OK) {
        size_t n = lm_size_min(size, t->enough - t->held);
        if (!reserve(t, t->held + n)) return no_memory(err);
        memcpy(t->text + t->held, text, n);
        t->held += n;
        text += n;
        size -= n;
        if (t->held == t->enough) status = count_some(t, err);
    }
    return status;
}

lm_status lm_bpe_trainer_finish(lm_bpe_trainer *t, lm_error *err) {
    return add_segments(t, t->held, err);
}

/* ---- the vocabulary ---------------------------------------------------------------------------*/

lm_status lm_bpe_training_check(const lm_bpe_training *how, lm_error *err) {
    if (how->vocab_size < 256 + how->n_specials || how->vocab_size > LM_BPE_VOCAB_MOST)
        return lm_error_set(err, LM_ERR_USAGE,
                            "expected a vocabulary of %lld (256 bytes and %lld special tokens) to"
                            " %lld tokens, found %lld",
                            (long long)(256 + how->n_specials), (long long)how->n_specials,
                            (long long)LM_BPE_VOCAB_MOST, (long long)how->vocab_size);
    for (int64_t i = 0; i < how->n_specials; i++) {
        const char *special = how->specials[i];
        size_t size = strlen(special), at = 0, n = 1;
        while (at < size && (n = lm_text_utf8_length(special + at, size - at)) > 0) at += n;
        if (size == 0 || n == 0)
            return lm_error_set(err, LM_ERR_USAGE, "a special token is %s",
                                size == 0 ? "empty" : "not UTF-8");
        for (int64_t j = 0; j < i; j++)
            if (strcmp(how->specials[j], special) == 0)
                return lm_error_set(err, LM_ERR_USAGE, "special token \"%s\" is given twice",
                                    special);
    }
    return LM_OK;
}

static lm_status put_merges(lm_vocabulary *v, const lm_merged_pair *merges, int64_t n,
                            lm_error *err) {
    lm_text token = {0};
    lm_status status = LM_OK;
    for (int64_t i = 0; i < n && status == LM_OK; i++) {
        size_t left, right;
        const unsigned char *bytes = lm_vocabulary_bytes(v, merges[i].left, &left);
        token.length = 0;
        lm_text_append(&token, bytes, left);
        bytes = lm_vocabulary_bytes(v, merges[i].right, &right);
        lm_text_append(&token, bytes, right);
        if (token.failed) {
            status = no_memory(err);
            break;
        }
        status = lm_vocabulary_put(v, 256 + i, token.data, left + right, err);
        if (status == LM_OK)
            status = lm_vocabulary_merge(v, token.data, left, token.data + left, right, err);
    }
    lm_text_free(&token);
    return status;
}

/* In tokenizer.json two tokens cannot have one name. */
static lm_status check_name(const lm_vocabulary *v, const char *special, lm_error *err) {
    lm_text bytes = {0};
    lm_status status = LM_OK;
    if (!lm_alphabet_parse(special, strlen(special), &bytes)) goto out;
    if (bytes.failed) status = no_memory(err);
    for (int64_t id = 0; id < v->n_tokens && status == LM_OK; id++) {
        size_t size;
        const unsigned char *token = lm_vocabulary_bytes(v, id, &size);
        if (size == bytes.length && memcmp(token, bytes.data, size) == 0)
            status = lm_error_set(err, LM_ERR_USAGE,
                                  "special token \"%s\" has the name of the ordinary token %lld:"
                                  " choose one that the text does not have",
                                  special, (long long)id);
    }
out:
    lm_text_free(&bytes);
    return status;
}

static lm_status put_specials(lm_vocabulary *v, const lm_bpe_training *how, lm_error *err) {
    lm_status status = LM_OK;
    for (int64_t i = 0; i < how->n_specials && status == LM_OK; i++)
        status = check_name(v, how->specials[i], err);
    for (int64_t i = 0; i < how->n_specials && status == LM_OK; i++) {
        const lm_added_token added = {.id = (int32_t)v->n_tokens, .special = true};
        status = lm_vocabulary_add(v, added, how->specials[i], strlen(how->specials[i]), err);
    }
    v->document_token = lm_vocabulary_end_of_text(v);
    return status;
}

lm_status lm_bpe_trainer_make(lm_bpe_trainer *t, const lm_bpe_training *how,
                              lm_tokenizer **tokenizer, lm_error *err) {
    lm_vocabulary v = {.split = t->split, .document_token = -1};
    lm_merged_pair *merges = NULL;
    int64_t learned;
    *tokenizer = NULL;
    lm_status status = lm_bpe_training_check(how, err);
    if (status != LM_OK) goto out;
    if ((status = lm_bpe_trainer_finish(t, err)) != LM_OK) goto out;
    if ((status = count_segments(t, err)) != LM_OK) goto out;
    if ((status = gather(t, true, err)) != LM_OK) goto out;
    int64_t most = how->vocab_size - 256 - how->n_specials;
    merges = malloc((size_t)lm_max(most, 1) * sizeof *merges);
    status = merges ? lm_merges_learn(&t->total, merges, most, &learned, err) : no_memory(err);
    if (status != LM_OK) goto out;
    if ((status = lm_vocabulary_put_bytes(&v, err)) != LM_OK) goto out;
    if ((status = put_merges(&v, merges, learned, err)) != LM_OK) goto out;
    if ((status = put_specials(&v, how, err)) != LM_OK) goto out;
    status = lm_tokenizer_open_vocabulary(tokenizer, &v, false, err);
out:
    free(merges);
    lm_vocabulary_free(&v);
    return status;
}
