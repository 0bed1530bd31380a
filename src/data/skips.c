#include "data/skips.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/numbers.h"

/* ---- the text ---------------------------------------------------------------------------------*/

static void pass_spaces(const char **at) {
    while (**at == ' ') ++*at;
}

static bool take_number(const char **at, int64_t *out) {
    const char *c = *at;
    *out = 0;
    for (; *c >= '0' && *c <= '9'; c++) {
        *out = 10 * *out + (*c - '0');
        if (*out > LM_SKIPS_MOST_WINDOW) return false;
    }
    bool any = c != *at;
    *at = c;
    return any;
}

static bool take_range(const char **at, lm_skip *out) {
    pass_spaces(at);
    if (!take_number(at, &out->first)) return false;
    out->last = out->first;
    pass_spaces(at);
    if (**at != '-') return true;
    ++*at;
    pass_spaces(at);
    if (!take_number(at, &out->last)) return false;
    pass_spaces(at);
    return out->first <= out->last;
}

static bool add(lm_skips *s, lm_skip range) {
    if ((s->count & (s->count - 1)) == 0) { /* full: it has room for a power of two */
        lm_skip *grown = realloc(s->items, (size_t)lm_max(2 * s->count, 1) * sizeof *grown);
        if (!grown) return false;
        s->items = grown;
    }
    s->items[s->count++] = range;
    return true;
}

static int by_first(const void *a, const void *b) {
    int64_t x = ((const lm_skip *)a)->first, y = ((const lm_skip *)b)->first;
    return (x > y) - (x < y);
}

/* Sorts the ranges and joins those that overlap or touch. */
static void join(lm_skips *s) {
    int64_t n = 0;
    if (s->count == 0) return;
    qsort(s->items, (size_t)s->count, sizeof *s->items, by_first);
    for (int64_t i = 1; i < s->count; i++) {
        if (s->items[i].first <= s->items[n].last + 1)
            s->items[n].last = lm_max(s->items[n].last, s->items[i].last);
        else
            s->items[++n] = s->items[i];
    }
    s->count = n + 1;
}

bool lm_skips_parse(lm_skips *s, const char *text, lm_text *problem) {
    const char *at = text;
    *s = (lm_skips){0};
    pass_spaces(&at);
    while (*at) {
        const char *item = at;
        lm_skip range;
        if (!take_range(&at, &range) || (*at && *at != ',') || (*at && !at[1])) {
            lm_text_say(problem,
                        "expected windows or ranges of windows up to %" PRId64 ", such as"
                        " \"96-111,4000\", found \"%.40s\"",
                        LM_SKIPS_MOST_WINDOW, item);
            return false;
        }
        if (s->count == LM_SKIPS_MOST) {
            lm_text_say(problem, "expected %d ranges at most", LM_SKIPS_MOST);
            return false;
        }
        if (!add(s, range)) {
            problem->failed = true;
            return false;
        }
        if (*at) at++;
    }
    join(s);
    return true;
}

void lm_skips_free(lm_skips *s) {
    free(s->items);
    *s = (lm_skips){0};
}

/* ---- the windows ------------------------------------------------------------------------------*/

/* The first range that does not end before the window; s->count: all do. */
static int64_t find(const lm_skips *s, int64_t window) {
    int64_t low = 0, high = s->count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (s->items[middle].last < window)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t lm_skips_at(const lm_skips *s, int64_t from, int64_t i) {
    for (int64_t k = find(s, from); k < s->count; k++) {
        int64_t taken = lm_max(s->items[k].first - from, 0); /* in front of the range */
        if (i < taken) break;
        i -= taken;
        from = s->items[k].last + 1;
    }
    return from + i;
}

int64_t lm_skips_count(const lm_skips *s, int64_t first, int64_t n) {
    int64_t count = 0, end = first + n;
    for (int64_t k = find(s, first); k < s->count && s->items[k].first < end; k++)
        count += lm_min(s->items[k].last + 1, end) - lm_max(s->items[k].first, first);
    return count;
}
