#include "tokenizer/added.h"

#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"

typedef struct entry {
    const unsigned char *text;
    uint32_t size;
    int32_t id;
} entry;

/* By first byte, then by length downwards, then as given. */
static int by_place(const void *a, const void *b) {
    const entry *x = a, *y = b;
    if (x->text[0] != y->text[0]) return x->text[0] < y->text[0] ? -1 : 1;
    if (x->size != y->size) return x->size > y->size ? -1 : 1;
    return x->text < y->text ? -1 : x->text > y->text;
}

lm_status lm_added_set_make(lm_added_set *s, const lm_vocabulary *v, bool normalized, bool special,
                            lm_error *err) {
    size_t room = (size_t)v->n_added + 1;
    *s = (lm_added_set){.texts = calloc(room, sizeof *s->texts),
                        .sizes = calloc(room, sizeof *s->sizes),
                        .ids = calloc(room, sizeof *s->ids)};
    entry *list = calloc(room, sizeof *list);
    if (!s->texts || !s->sizes || !s->ids || !list) {
        free(list);
        lm_added_set_free(s);
        return lm_error_no_memory(err, "a tokenizer");
    }
    for (int64_t i = 0; i < v->n_added; i++) {
        lm_added_token a = v->added[i];
        size_t size;
        const unsigned char *text = lm_vocabulary_added_text(v, i, &size);
        if (a.normalized == normalized && (special || !a.special))
            list[s->count++] = (entry){text, (uint32_t)size, a.id};
    }
    if (s->count > 1) qsort(list, (size_t)s->count, sizeof *list, by_place);
    for (int64_t i = 0; i < s->count; i++) {
        s->texts[i] = list[i].text;
        s->sizes[i] = list[i].size;
        s->ids[i] = list[i].id;
        s->longest = lm_size_max(s->longest, list[i].size);
    }
    free(list);
    for (int64_t i = 0, c = 0; c <= 256; c++) {
        while (i < s->count && s->texts[i][0] < c) i++;
        s->begin[c] = i;
    }
    return LM_OK;
}

void lm_added_set_free(lm_added_set *s) {
    free(s->texts);
    free(s->sizes);
    free(s->ids);
    *s = (lm_added_set){0};
}

/* The longest at `at`; -1: none begins there. */
static int64_t longest_at(const lm_added_set *s, const unsigned char *text, size_t size,
                          size_t at) {
    for (int64_t i = s->begin[text[at]]; i < s->begin[text[at] + 1]; i++)
        if (s->sizes[i] <= size - at && memcmp(s->texts[i], text + at, s->sizes[i]) == 0) return i;
    return -1;
}

bool lm_added_set_find(const lm_added_set *s, const unsigned char *text, size_t size, size_t at,
                       size_t *begin, size_t *length, int32_t *id) {
    for (; s->count > 0 && at < size; at++) {
        int64_t i = longest_at(s, text, size, at);
        if (i < 0) continue;
        *begin = at;
        *length = s->sizes[i];
        *id = s->ids[i];
        return true;
    }
    return false;
}

bool lm_added_set_reaches(const lm_added_set *s, const unsigned char *text, size_t size,
                          size_t at) {
    size_t from = at - lm_size_min(at, s->longest);
    for (size_t i = from; i < at; i++)
        for (int64_t j = s->begin[text[i]]; j < s->begin[text[i] + 1]; j++)
            if (s->sizes[j] <= size - i && s->sizes[j] >= at - i &&
                memcmp(s->texts[j], text + i, s->sizes[j]) == 0)
                return true;
    return false;
}
