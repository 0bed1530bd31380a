#include "tokenizer/pattern.h"

#ifdef LM_PCRE2

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "base/text.h"
#include "tokenizer/pattern_translate.h"

/* Bytes. The stack is what matches of long runs take; the heap is of the interpreter, which works
 * where code cannot be made at run time. */
enum { STACK_LEAST = 1 << 16, STACK_MOST = 1 << 24, HEAP_MOST_KIB = 1 << 16 };

struct lm_pattern {
    int n;
    pcre2_code *codes[LM_PATTERN_MOST];
};

/* Ends that are not handed out yet: of the pieces that one match became. */
typedef struct queue {
    size_t *ends;
    size_t first, count, capacity;
} queue;

struct lm_pattern_scan {
    const lm_pattern *pattern;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    pcre2_match_data *data[LM_PATTERN_MOST];
    const unsigned char *text;
    size_t size;
    size_t valid_begin, valid_end; /* the part of the text at hand that is UTF-8 */
    queue queue;
};

const char *lm_pattern_library(void) {
    static char name[64];
    char version[40];
    if (!*name && pcre2_config(PCRE2_CONFIG_VERSION, NULL) < (int)sizeof version) {
        pcre2_config(PCRE2_CONFIG_VERSION, version);
        snprintf(name, sizeof name, "PCRE2 %.*s", (int)strcspn(version, " "), version);
    }
    return name;
}

/* ---- a pattern --------------------------------------------------------------------------------*/

static lm_status compile(pcre2_code **code, const char *pattern, lm_error *err) {
    lm_text own = {0};
    int number;
    PCRE2_SIZE at;
    PCRE2_UCHAR message[160];
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    lm_status status =
        context ? lm_pattern_translate(pattern, &own, err) : lm_error_no_memory(err, "a pattern");
    if (status != LM_OK) goto out;
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    *code = pcre2_compile((PCRE2_SPTR)lm_text_cstr(&own), own.length,
                          PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C,
                          &number, &at, context);
    if (!*code) {
        pcre2_get_error_message(number, message, sizeof message);
        status = lm_error_set(err, LM_ERR_USAGE, "the pattern %s: %s", pattern, (char *)message);
        goto out;
    }
    /* Without it the interpreter does the same, some times slower. */
    (void)pcre2_jit_compile(*code, PCRE2_JIT_COMPLETE);
out:
    pcre2_compile_context_free(context);
    lm_text_free(&own);
    return status;
}

lm_status lm_pattern_create(lm_pattern **out, const char *const *patterns, int n, lm_error *err) {
    LM_ASSERT(n > 0 && n <= LM_PATTERN_MOST);
    lm_status status = LM_OK;
    lm_pattern *p = *out = calloc(1, sizeof *p);
    if (!p) return lm_error_no_memory(err, "a pattern");
    for (; p->n < n && status == LM_OK; p->n++)
        status = compile(&p->codes[p->n], patterns[p->n], err);
    if (status != LM_OK) {
        lm_pattern_free(p);
        *out = NULL;
    }
    return status;
}

void lm_pattern_free(lm_pattern *p) {
    if (!p) return;
    for (int i = 0; i < p->n; i++) pcre2_code_free(p->codes[i]);
    free(p);
}

/* ---- a text -----------------------------------------------------------------------------------*/

lm_status lm_pattern_scan_create(lm_pattern_scan **out, const lm_pattern *p, lm_error *err) {
    lm_pattern_scan *s = *out = calloc(1, sizeof *s);
    if (!s) return lm_error_no_memory(err, "a pattern");
    s->pattern = p;
    s->context = pcre2_match_context_create(NULL);
    s->stack = pcre2_jit_stack_create(STACK_LEAST, STACK_MOST, NULL);
    bool all = s->context && s->stack;
    for (int i = 0; i < p->n && all; i++)
        all = (s->data[i] = pcre2_match_data_create_from_pattern(p->codes[i], NULL)) != NULL;
    if (!all) {
        lm_pattern_scan_free(s);
        *out = NULL;
        return lm_error_no_memory(err, "a pattern");
    }
    pcre2_jit_stack_assign(s->context, NULL, s->stack);
    pcre2_set_match_limit(s->context, LM_PATTERN_STEPS);
    pcre2_set_heap_limit(s->context, HEAP_MOST_KIB);
    return LM_OK;
}

void lm_pattern_scan_free(lm_pattern_scan *s) {
    if (!s) return;
    for (int i = 0; i < s->pattern->n; i++) pcre2_match_data_free(s->data[i]);
    pcre2_jit_stack_free(s->stack);
    pcre2_match_context_free(s->context);
    free(s->queue.ends);
    free(s);
}

void lm_pattern_scan_begin(lm_pattern_scan *s, const unsigned char *text, size_t size) {
    s->text = text;
    s->size = size;
    s->valid_begin = s->valid_end = 0;
    s->queue.first = s->queue.count = 0;
}

/* A match of pattern `number` in text[0 .. size) from `from` on. false: gave up. Without a match
 * *begin is size. */
static bool match(lm_pattern_scan *s, int number, const unsigned char *text, size_t size,
                  size_t from, size_t *begin, size_t *end) {
    *begin = *end = size;
    if (from >= size) return true;
    int rc = pcre2_match(s->pattern->codes[number], text, size, from, PCRE2_NO_UTF_CHECK,
                         s->data[number], s->context);
    if (rc == PCRE2_ERROR_NOMATCH) return true;
    if (rc < 0) return false;
    const PCRE2_SIZE *pair = pcre2_get_ovector_pointer(s->data[number]);
    *begin = pair[0];
    *end = pair[1];
    return *begin <= *end;
}

/* The end of the piece that begins at `at`: that of the match there, or the beginning of the next
 * match. An empty match ends a piece too; behind it the search goes on a character later. */
static bool next_end(lm_pattern_scan *s, int number, const unsigned char *text, size_t size,
                     size_t at, size_t *end) {
    size_t begin;
    if (!match(s, number, text, size, at, &begin, end)) return false;
    if (begin == at && *end == at) {
        size_t n = lm_size_max(lm_text_utf8_length((const char *)text + at, size - at), 1);
        if (!match(s, number, text, size, at + n, &begin, end)) return false;
    }
    if (begin > at) *end = begin;
    return true;
}

static bool put(queue *q, size_t end) {
    if (q->count == q->capacity) {
        size_t room = lm_size_max(256, 2 * q->capacity);
        size_t *grown = realloc(q->ends, room * sizeof *grown);
        if (!grown) return false;
        q->ends = grown;
        q->capacity = room;
    }
    q->ends[q->count++] = end;
    return true;
}

/* Queues the ends of the pieces that patterns from `number` on make of [from, to). */
static bool split(lm_pattern_scan *s, int number, size_t from, size_t to) {
    if (number == s->pattern->n) return put(&s->queue, to);
    const unsigned char *text = s->text + from;
    for (size_t at = 0, end; at < to - from; at = end) {
        if (!next_end(s, number, text, to - from, at, &end)) return false;
        if (!split(s, number + 1, from + at, from + end)) return false;
    }
    return true;
}

/* The UTF-8 that begins at `at`; a byte that is none stands alone. */
static void find_valid(lm_pattern_scan *s, size_t at) {
    size_t n;
    s->valid_begin = s->valid_end = at;
    while (s->valid_end < s->size) {
        if (s->text[s->valid_end] < 0x80) {
            s->valid_end++;
            continue;
        }
        n = lm_text_utf8_length((const char *)s->text + s->valid_end, s->size - s->valid_end);
        if (n == 0) break;
        s->valid_end += n;
    }
}

/* Queues the pieces of what the first pattern makes of the text at `at`. */
static bool fill(lm_pattern_scan *s, size_t at) {
    size_t end;
    s->queue.first = s->queue.count = 0;
    if (at >= s->valid_end) find_valid(s, at);
    if (at == s->valid_end) return put(&s->queue, at + 1);
    size_t from = s->valid_begin;
    if (!next_end(s, 0, s->text + from, s->valid_end - from, at - from, &end)) return false;
    return split(s, 1, at, from + end);
}

size_t lm_pattern_scan_next(lm_pattern_scan *s, size_t at, size_t *ends, size_t most) {
    size_t n = 0;
    for (; n < most && at < s->size; at = ends[n++]) {
        if (s->queue.first == s->queue.count && !fill(s, at)) return n;
        ends[n] = s->queue.ends[s->queue.first++];
    }
    return n;
}

#else

const char *lm_pattern_library(void) {
    return "without PCRE2";
}

lm_status lm_pattern_create(lm_pattern **p, const char *const *patterns, int n, lm_error *err) {
    (void)n;
    *p = NULL;
    return lm_error_set(err, LM_ERR_USAGE,
                        "its split by the pattern %s needs PCRE2, and this lmtrain was built"
                        " without it: install it (libpcre2-dev, pcre2-devel or pcre2) and run make"
                        " again",
                        patterns[0]);
}

void lm_pattern_free(lm_pattern *p) {
    (void)p;
}

lm_status lm_pattern_scan_create(lm_pattern_scan **s, const lm_pattern *p, lm_error *err) {
    (void)p;
    *s = NULL;
    return lm_error_set(err, LM_ERR_USAGE, "this lmtrain was built without PCRE2");
}

void lm_pattern_scan_free(lm_pattern_scan *s) {
    (void)s;
}

void lm_pattern_scan_begin(lm_pattern_scan *s, const unsigned char *text, size_t size) {
    (void)s, (void)text, (void)size;
}

size_t lm_pattern_scan_next(lm_pattern_scan *s, size_t at, size_t *ends, size_t most) {
    (void)s, (void)at, (void)ends, (void)most;
    return 0;
}

#endif
