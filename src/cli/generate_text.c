#include "cli/generate_text.h"

#include <string.h>

#include "base/numbers.h"

void lm_generated_begin(lm_generated *g, const lm_tokenizer *tokenizer, const char *const *stops,
                        int n_stops) {
    *g = (lm_generated){.tokenizer = tokenizer, .stops = stops, .n_stops = n_stops};
}

/* How much of the first `size` bytes ends with a whole character; bytes that begin none count as
 * one each. */
static size_t whole_characters(const lm_text *t, size_t size) {
    const char *text = lm_text_cstr(t);
    size_t at = size - lm_size_min(size, 3); /* a character has four bytes at most */
    while (at < size && ((unsigned char)text[at] & 0xC0) == 0x80) at++;
    while (at < size) {
        size_t n = lm_text_utf8_length(text + at, size - at);
        unsigned char c = (unsigned char)text[at];
        size_t needs = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC2 ? 2 : 1;
        if (n == 0 && needs > size - at && c <= 0xF4) break; /* more of it may come */
        at += n > 0 ? n : 1;
    }
    return at;
}

/* Ends the text at the first stop text in it, of which at least a part lies behind `searched`. */
static void find_stop(lm_generated *g, size_t searched) {
    for (int i = 0; i < g->n_stops; i++) {
        size_t n = strlen(g->stops[i]);
        size_t from = lm_size_max(g->begins, searched - lm_size_min(searched, n - 1));
        const char *text = lm_text_cstr(&g->text);
        const char *at = g->text.length > from
                             ? memmem(text + from, g->text.length - from, g->stops[i], n)
                             : NULL;
        if (!at) continue;
        g->text.length = (size_t)(at - text);
        g->stopped = true;
    }
}

/* Bytes at the end that may be the beginning of a stop text. */
static size_t may_stop(const lm_generated *g) {
    size_t most = 0;
    const char *end = lm_text_cstr(&g->text) + g->text.length;
    for (int i = 0; i < g->n_stops; i++) {
        size_t n = lm_size_min(strlen(g->stops[i]) - 1, g->text.length - g->begins);
        while (n > most && memcmp(end - n, g->stops[i], n) != 0) n--;
        most = lm_size_max(most, n);
    }
    return most;
}

static lm_status append(lm_generated *g, int32_t token, lm_error *err) {
    if (g->begun)
        lm_tokenizer_decode(g->tokenizer, token, &g->text);
    else
        lm_tokenizer_decode_first(g->tokenizer, token, &g->text);
    g->begun |= g->text.length > 0;
    return g->text.failed ? lm_error_no_memory(err, NULL) : LM_OK;
}

lm_status lm_generated_prompt(lm_generated *g, int32_t token, lm_error *err) {
    lm_status status = append(g, token, err);
    g->begins = g->text.length;
    g->certain = whole_characters(&g->text, g->text.length);
    return status;
}

lm_status lm_generated_put(lm_generated *g, int32_t token, lm_error *err) {
    size_t before = g->text.length;
    lm_status status = append(g, token, err);
    if (status != LM_OK) return status;
    find_stop(g, before);
    size_t kept = g->stopped ? 0 : may_stop(g);
    g->certain = whole_characters(&g->text, g->text.length - kept);
    return LM_OK;
}

void lm_generated_take(lm_generated *g, size_t n) {
    LM_ASSERT(n <= g->certain);
    if (n == 0) return;
    memmove(g->text.data, g->text.data + n, g->text.length - n);
    g->text.length -= n;
    g->certain -= n;
    g->begins -= lm_size_min(g->begins, n);
}

void lm_generated_finish(lm_generated *g) {
    g->certain = whole_characters(&g->text, g->text.length);
}

void lm_generated_free(lm_generated *g) {
    lm_text_free(&g->text);
    *g = (lm_generated){0};
}
