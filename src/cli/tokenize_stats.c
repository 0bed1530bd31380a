#include "cli/tokenize_stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "machine/cpu.h"
#include "report/bar.h"
#include "tokenizer/encoding.h"

enum { PIECE = 1 << 20 }; /* bytes of text read at a time */

typedef struct stats {
    unsigned char *used; /* [vocab_size]: 1 for ids that occur */
    int64_t tokens, documents;
    lm_bar bar;
} stats;

static lm_status count_tokens(void *to, const int32_t *ids, int64_t n, lm_error *err) {
    stats *s = to;
    (void)err;
    for (int64_t i = 0; i < n; i++) s->used[ids[i]] = 1;
    s->tokens += n;
    return LM_OK;
}

static lm_status put_document(lm_encoding *e, lm_documents *from, char *piece, stats *s,
                              lm_error *err) {
    lm_documents_counts counts;
    size_t n;
    lm_status status = lm_encoding_begin(e, s, -1, err);
    s->documents++;
    do {
        if (status == LM_OK) status = lm_documents_read(from, piece, PIECE, &n, err);
        lm_documents_count(from, &counts);
        lm_bar_at(&s->bar, counts.taken, counts.bytes[false] + counts.bytes[true]);
        if (status == LM_OK) status = lm_encoding_put(e, piece, n, err);
    } while (status == LM_OK && n > 0);
    return status;
}

static void print(const stats *s, const lm_documents *from, int64_t ids, lm_text *out) {
    lm_documents_counts counts;
    int64_t used = 0;
    lm_documents_count(from, &counts);
    for (int64_t i = 0; i < ids; i++) used += s->used[i];
    lm_text_say(out, "%" PRId64 " document%s, %" PRIu64 " bytes, %" PRId64 " tokens\n",
                s->documents, s->documents == 1 ? "" : "s", counts.bytes[0], s->tokens);
    lm_text_say(out, "%.4f bytes per token\n", (double)counts.bytes[0] / (double)s->tokens);
    lm_text_say(out, "%" PRId64 " of %" PRId64 " ids occur (%.1f%%)\n", used, ids,
                100 * (double)used / (double)ids);
}

lm_status lm_tokenize_stats(const lm_tokenizer *t, const lm_tokenize_input *in, int threads,
                            lm_text *out, lm_error *err) {
    stats s = {.used = calloc((size_t)lm_tokenizer_vocab_size(t), 1)};
    char *piece = malloc(PIECE);
    lm_pool *pool = NULL;
    lm_encoding *e = NULL;
    lm_documents *from = NULL;
    lm_document document;
    bool more = true;
    lm_status status = s.used && piece ? LM_OK : lm_error_no_memory(err, "tokenize");
    if (status != LM_OK) goto out;
    status = lm_pool_create(&pool, threads > 0 ? threads : lm_cpu_threads(NULL), err);
    if (status != LM_OK) goto out;
    if ((status = lm_encoding_open(&e, t, pool, count_tokens, err)) != LM_OK) goto out;
    if ((status = lm_tokenize_input_open(&from, in, NULL, err)) != LM_OK) goto out;
    lm_documents_counts counts;
    lm_documents_count(from, &counts);
    lm_bar_start(&s.bar, stderr, "tokenize --stats", counts.total);
    while (status == LM_OK && more) {
        status = lm_documents_next(from, &document, &more, err);
        if (status == LM_OK && more) status = put_document(e, from, piece, &s, err);
    }
    lm_bar_finish(&s.bar);
    if (status == LM_OK) status = lm_encoding_finish(e, err);
    if (status == LM_OK) print(&s, from, lm_tokenizer_vocab_size(t), out);
    if (status == LM_OK) lm_tokenize_input_report(in, from, out);
out:
    lm_documents_close(from);
    lm_encoding_close(e);
    lm_pool_free(pool);
    free(piece);
    free(s.used);
    return status;
}
