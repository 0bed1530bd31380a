#include "tokenizer/pickle.h"

#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"

/* The instructions (CPython, Lib/pickletools.py). */
enum {
    PROTO = 0x80,
    FRAME = 0x95,
    STOP = '.',
    EMPTY_DICT = '}',
    MARK = '(',
    MEMOIZE = 0x94,
    BINPUT = 'q',
    LONG_BINPUT = 'r',
    BINGET = 'h',
    LONG_BINGET = 'j',
    SHORT_BINUNICODE = 0x8C,
    BINUNICODE = 'X',
    BININT1 = 'K',
    BININT2 = 'M',
    BININT = 'J',
    SETITEM = 's',
    SETITEMS = 'u',
};

typedef struct reader {
    lm_pickle *p;
    const char *file;
    const unsigned char *data;
    size_t size, at, begin; /* begin: of the instruction at hand */
    lm_error *err;
} reader;

bool lm_pickle_probe(const char *data, size_t size) {
    return size >= 2 && (unsigned char)data[0] == PROTO && data[1] >= 2 && data[1] <= 5;
}

static lm_status wrong(reader *r, const char *what) {
    return lm_error_damaged(r->err, "%s: byte %zu: %s", r->file, r->begin, what);
}

/* An unsigned number of n bytes, the lowest first. */
static lm_status take(reader *r, size_t n, uint64_t *x) {
    *x = 0;
    if (n > r->size - r->at) return wrong(r, "expected more of the pickle, found its end");
    for (size_t i = 0; i < n; i++) *x |= (uint64_t)r->data[r->at + i] << 8 * i;
    r->at += n;
    return LM_OK;
}

static lm_status push_on(reader *r, lm_pickle_value **list, size_t *n, size_t *capacity,
                         lm_pickle_value v) {
    if (*n == *capacity) {
        size_t room = lm_size_max(64, 2 * *capacity);
        lm_pickle_value *grown = realloc(*list, room * sizeof *grown);
        if (!grown) return lm_error_no_memory(r->err, r->file);
        *list = grown;
        *capacity = room;
    }
    (*list)[(*n)++] = v;
    return LM_OK;
}

static lm_status push(reader *r, lm_pickle_value v) {
    return push_on(r, &r->p->stack, &r->p->n_stack, &r->p->stack_capacity, v);
}

/* ---- instructions -----------------------------------------------------------------------------*/

static lm_status push_string(reader *r, size_t length_bytes) {
    uint64_t n;
    lm_status status = take(r, length_bytes, &n);
    if (status != LM_OK) return status;
    if (n > r->size - r->at) return wrong(r, "expected a string, found the end of the pickle");
    const char *text = (const char *)r->data + r->at;
    r->at += (size_t)n;
    return push(r, (lm_pickle_value){LM_PICKLE_STRING, .text = text, .size = (size_t)n});
}

static lm_status push_number(reader *r, size_t bytes) {
    uint64_t x;
    lm_status status = take(r, bytes, &x);
    if (status != LM_OK) return status;
    int64_t number = bytes == 4 ? (int32_t)(uint32_t)x : (int64_t)x;
    return push(r, (lm_pickle_value){LM_PICKLE_NUMBER, .number = number});
}

/* Remembers what is on top as number `place`, which is the next free one. */
static lm_status memoize(reader *r, uint64_t place) {
    lm_pickle *p = r->p;
    if (p->n_stack == 0) return wrong(r, "expected a value to remember, found none");
    if (place != p->n_memo) return wrong(r, "expected the next place in the memo, found another");
    return push_on(r, &p->memo, &p->n_memo, &p->memo_capacity, p->stack[p->n_stack - 1]);
}

static lm_status memoize_at(reader *r, size_t bytes) {
    uint64_t place;
    lm_status status = take(r, bytes, &place);
    return status == LM_OK ? memoize(r, place) : status;
}

static lm_status recall(reader *r, size_t bytes) {
    uint64_t place;
    lm_status status = take(r, bytes, &place);
    if (status != LM_OK) return status;
    if (place >= r->p->n_memo) return wrong(r, "expected a value of the memo, found none there");
    return push(r, r->p->memo[place]);
}

/* Keys and values from place `first` of the stack on go to the dictionary at place `to`. */
static lm_status set_items(reader *r, size_t to, size_t first) {
    lm_pickle *p = r->p;
    if (p->stack[to].kind != LM_PICKLE_DICTIONARY || (p->n_stack - first) % 2 != 0)
        return wrong(r, "expected keys and values for a dictionary");
    for (size_t i = first; i < p->n_stack; i += 2) {
        if (p->stack[i].kind == LM_PICKLE_MARK || p->stack[i + 1].kind == LM_PICKLE_MARK)
            return wrong(r, "expected keys and values for a dictionary");
        if (p->n_entries == p->entries_capacity) {
            size_t room = lm_size_max(64, 2 * p->entries_capacity);
            lm_pickle_entry *grown = realloc(p->entries, room * sizeof *grown);
            if (!grown) return lm_error_no_memory(r->err, r->file);
            p->entries = grown;
            p->entries_capacity = room;
        }
        p->entries[p->n_entries++] =
            (lm_pickle_entry){p->stack[to].number, p->stack[i], p->stack[i + 1]};
    }
    return LM_OK;
}

static lm_status set_item(reader *r) {
    size_t n = r->p->n_stack;
    if (n < 3) return wrong(r, "expected a dictionary, a key and a value");
    lm_status status = set_items(r, n - 3, n - 2);
    r->p->n_stack = n - 2;
    return status;
}

static lm_status set_marked_items(reader *r) {
    size_t mark = r->p->n_stack;
    while (mark > 0 && r->p->stack[mark - 1].kind != LM_PICKLE_MARK) mark--;
    if (mark < 2) return wrong(r, "expected a dictionary and a mark");
    lm_status status = set_items(r, mark - 2, mark);
    r->p->n_stack = mark - 1;
    return status;
}

static lm_status skip(reader *r, size_t bytes) {
    uint64_t x;
    return take(r, bytes, &x);
}

static lm_status refuse(reader *r, unsigned code) {
    return lm_error_set(r->err, LM_ERR_USAGE,
                        "%s: byte %zu: expected a pickle of dictionaries, strings and numbers, as"
                        " nanoGPT's meta.pkl, found the instruction 0x%02X",
                        r->file, r->begin, code);
}

static lm_status run(reader *r, unsigned code) {
    switch (code) {
    case PROTO:
        return skip(r, 1);
    case FRAME:
        return skip(r, 8);
    case EMPTY_DICT:
        return push(r, (lm_pickle_value){LM_PICKLE_DICTIONARY, .number = r->p->n_dictionaries++});
    case MARK:
        return push(r, (lm_pickle_value){LM_PICKLE_MARK, .number = 0});
    case MEMOIZE:
        return memoize(r, r->p->n_memo);
    case BINPUT:
        return memoize_at(r, 1);
    case LONG_BINPUT:
        return memoize_at(r, 4);
    case BINGET:
        return recall(r, 1);
    case LONG_BINGET:
        return recall(r, 4);
    case SHORT_BINUNICODE:
        return push_string(r, 1);
    case BINUNICODE:
        return push_string(r, 4);
    case BININT1:
        return push_number(r, 1);
    case BININT2:
        return push_number(r, 2);
    case BININT:
        return push_number(r, 4);
    case SETITEM:
        return set_item(r);
    case SETITEMS:
        return set_marked_items(r);
    default:
        return refuse(r, code);
    }
}

lm_status lm_pickle_read(lm_pickle *p, const char *file, const char *data, size_t size,
                         lm_error *err) {
    reader r = {
        .p = p, .file = file, .data = (const unsigned char *)data, .size = size, .err = err};
    for (;;) {
        uint64_t code;
        r.begin = r.at;
        lm_status status = take(&r, 1, &code);
        if (status != LM_OK) return status;
        if (code == STOP) break;
        if ((status = run(&r, (unsigned)code)) != LM_OK) return status;
    }
    if (p->n_stack != 1 || r.at != size) return wrong(&r, "expected the end of one value");
    p->top = p->stack[0];
    return LM_OK;
}

void lm_pickle_free(lm_pickle *p) {
    free(p->stack);
    free(p->memo);
    free(p->entries);
    *p = (lm_pickle){0};
}

const lm_pickle_value *lm_pickle_find(const lm_pickle *p, const lm_pickle_value *dictionary,
                                      const char *key) {
    const lm_pickle_value *found = NULL;
    if (dictionary->kind != LM_PICKLE_DICTIONARY) return NULL;
    for (size_t i = 0; i < p->n_entries; i++) {
        const lm_pickle_entry *e = &p->entries[i];
        if (e->dictionary == dictionary->number && e->key.kind == LM_PICKLE_STRING &&
            e->key.size == strlen(key) && memcmp(e->key.text, key, e->key.size) == 0)
            found = &e->value;
    }
    return found;
}
